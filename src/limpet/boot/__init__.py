"""Program 1, the boot stage: provisions the VM once, before its network belongs to anybody. Standard library only."""
