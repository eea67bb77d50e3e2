"""Program 3, the full agent: poll, work, report."""
