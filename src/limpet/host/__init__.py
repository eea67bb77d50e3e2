"""The only code that touches the machine: ports, their Linux adapters, and a fake that behaves."""
