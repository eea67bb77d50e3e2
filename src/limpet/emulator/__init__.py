"""Program 4, the fabric: a pure core, servers around it, faults, records."""
