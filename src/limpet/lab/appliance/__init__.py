"""A network appliance of the lab, from outside: its NICs, disks and guest shell, and what can be seen and broken of them."""
