"""What is configured: one table of settings, and where each value comes from."""
