"""What a machine is like, one module for each duty: bounded reads through the ports; nothing missing is an error."""
