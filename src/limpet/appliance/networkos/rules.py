"""The owned rule sets of an appliance (R8) and its NAT (R7), each in an nftables table of its own, replaced at once.

Three sets: in the guest only root opens connections to the wire server (guest/firewall.py; the network OS's own programs the
same); through the network OS only the guest's address on the guest port reaches the platform; what comes in by any other
interface for the platform, or as if it were the guest, is dropped before anything else has seen it. Nobody else's table is
touched, and none of theirs can undo a drop. Source: network-appliance.md §3.1, §3.2.

NAT is to the primary address of the primary NIC, by name, not by `masquerade`: that takes another address of the same NIC
where an operator's configuration has one that fits the next hop better, and the metadata service refuses it.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from limpet.appliance.networkos.iproute import inside
from limpet.appliance.networkos.moving import PRIMARY_GROUP
from limpet.guest import firewall

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from limpet.guest.lease import AcquiredLease
    from limpet.guest.site import Site
    from limpet.guest.steps import Run

FORWARD, TRANSIT, NAT = "limpet_forward", "limpet_transit", "limpet_nat"


def _platform(site: Site) -> str:
    return ", ".join(map(str, site.platform))


def _replaced(name: str, body: str) -> str:
    return f"add table ip {name}\ndelete table ip {name}\ntable ip {name} {{\n{body}}}\n"


def forward_set(site: Site) -> str:
    """Through the network OS: the platform is for the guest, and speaks first to nobody behind the router.

    What the guest still sends of a connection from before a handover is unknown to NAT, and would leave with its own address.
    """
    port, guest, platform = site.port.outer, site.port.inner_address.ip, _platform(site)
    return _replaced(
        FORWARD,
        f"""\
    chain forward {{
        type filter hook forward priority -10; policy accept;
        iifname "{port}" ct state invalid counter drop
        ip daddr {{ {platform} }} iifname "{port}" ip saddr {guest} accept
        ip daddr {{ {platform} }} counter drop
        ip saddr {{ {platform} }} oifname "{port}" ct state established,related accept
        ip saddr {{ {platform} }} counter drop
    }}
""",
    )


def transit_set(site: Site) -> str:
    """Into the network OS by its data plane: nothing for the platform, nothing in the name of the guest's network."""
    port, guest, platform = site.port.outer, site.port.inner_address.ip, _platform(site)
    network = site.port.outer_address.network
    return _replaced(
        TRANSIT,
        f"""\
    chain prerouting {{
        type filter hook prerouting priority -310; policy accept;
        iifname "{port}" ip saddr != {guest} counter drop
        iifname {{ "lo", "{port}" }} accept
        ip daddr {{ {platform} }} counter drop
        ip saddr {network} counter drop
    }}
""",
    )


def nat_set(site: Site, address: IPv4Address | None) -> str:
    """Out of the primary NIC: the guest with that NIC's primary address; nothing where it has none yet."""
    network = site.port.outer_address.network
    rule = f"        oifgroup {PRIMARY_GROUP} ip saddr {network} snat to {address}\n" if address else ""
    return _replaced(
        NAT,
        f"""\
    chain postrouting {{
        type nat hook postrouting priority 90; policy accept;
{rule}    }}
""",
    )


def primary_address(site: Site) -> IPv4Address | None:
    """The address that the guest goes out with, by the leases; None while there is none."""
    lease: AcquiredLease | None = site.leases.get(site.primary.mac)
    return None if lease is None else lease.address


def nat_steps(site: Site, address: IPv4Address | None) -> tuple[Run, ...]:
    """NAT alone, for an address that has changed."""
    return (_loaded(site.network_os, nat_set(site, address)),)


def nat_mark(site: Site, address: IPv4Address | None) -> str:
    """What the label of the guest port's address says of the NAT that is loaded: 7 digits."""
    return f"{zlib.crc32(nat_set(site, address).encode()):08x}"[:7]


def network_os_steps(site: Site) -> tuple[Run, ...]:
    """All that is owned in the network OS, in one transaction."""
    own = firewall.script(str(site.wire_server)).decode()
    sets = (own, forward_set(site), transit_set(site), nat_set(site, primary_address(site)))
    return (_loaded(site.network_os, "".join(sets)),)


def guest_steps(site: Site) -> tuple[Run, ...]:
    """In the guest: only root opens connections to the wire server, as its agent will have it, too."""
    return (_loaded(site.guest, firewall.script(str(site.wire_server)).decode()),)


def _loaded(namespace: str, script: str) -> Run:
    return inside(namespace, ("nft", "-f", "-"), stdin=script.encode())
