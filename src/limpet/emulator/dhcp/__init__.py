"""The platform's DHCP server: its answers as a pure function, its lies by rule, and its socket."""
