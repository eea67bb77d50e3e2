"""What makes a machine of the lab look new from the platform: its hardware, provisioning disc and temporary disk."""
