"""Network operating systems: drivers behind one contract (limpet.appliance.networkos.contract).

`kernel` routes by the kernel alone, `frr` has FRRouting configure that, `hooks` runs a vendor's own programs, and `iosxe` makes the
day-0 configuration of an IOS XE router. What the first two share is in `addressing`, `rules` and `iproute`.
"""
