"""Program 5, a machine room on one host: a fabric and its VMs, wired with namespaces."""
