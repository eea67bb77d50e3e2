"""Program 2, the supervisor of an appliance: journal, handover to a network OS, guest shell, roll-back, restart."""
