"""limpet: an Azure Linux VM agent for network appliances and plain VMs, with a complete fabric emulator."""

__version__ = "0.1.0"
