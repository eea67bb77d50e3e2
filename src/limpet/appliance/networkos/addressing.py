"""The address and routes of a lease on a NIC of the network OS, with a table of routes of its own (R9).

The address comes last, with a label that says for which lease the rest was made: where it is seen, all is done, and where
the lease is another one all is done anew. What belongs to a lease is marked (label, protocol `dhcp`), and nothing else is
taken away: addresses and routes of an operator stay.
"""

from __future__ import annotations

import zlib
from ipaddress import IPv4Interface, IPv4Network
from typing import TYPE_CHECKING

from limpet.guest.offers import DIRECTLY, platform_routes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address

    from limpet.guest.lease import AcquiredLease
    from limpet.guest.namespaces import SeenLink
    from limpet.guest.site import Nic, Site
    from limpet.model.network import Route

GUEST_RULE, GUEST_NEAR, GUEST_OUT, NIC_RULE = 100, 150, 151, 200
"""Priorities of routing rules: the way to the guest first, then the guest's ways, but for a default route, then its way out, then the
ways back of NICs."""
_DIGITS = 4
_FIRST_TABLE = 0x40000000
_OURS = "proto dhcp"


def table_of(nic: Nic) -> int:
    """The number of a NIC's own table of routes: always the same for a MAC."""
    return _FIRST_TABLE + (zlib.crc32(nic.mac.encode()) & 0x3FFFFFFF)


def label(name: str, lease: AcquiredLease, *, primary: bool, endpoint: IPv4Address | None = None) -> str:
    """The label of an address that says which lease was applied. endpoint: as of `Site`."""
    parts = [str(lease.address), str(lease.prefix), str(endpoint or lease.wire_server), str(primary)]
    parts += [f"{each.destination} {each.gateway}" for each in lease.routes]
    return f"{name}:{zlib.crc32(' '.join(parts).encode()):08x}"[: len(name) + 1 + _DIGITS]


def _ours(link: SeenLink) -> list[tuple[IPv4Interface, str]]:
    """The addresses that leases gave, with their labels."""
    every = zip(link.addresses, link.labels, strict=False)
    return [(address, mark) for address, mark in every if mark.startswith(f"{link.name}:")]


def is_dressed(nic: Nic, link: SeenLink, lease: AcquiredLease, site: Site) -> bool:
    """Whether a NIC has what a lease gives, and nothing of another one."""
    mark = label(link.name, lease, primary=nic.primary, endpoint=site.endpoint)
    return link.up and _ours(link) == [(IPv4Interface((lease.address, lease.prefix)), mark)]


def lease_lines(
    nic: Nic,
    link: SeenLink,
    lease: AcquiredLease,
    site: Site,
    *,
    group: int,
    metric: int | None = None,
) -> Iterator[str]:
    """Lines for `ip` in the network OS. group: of links, for rules. metric: of the default route, None for the best.

    The guest's default route is by the primary NIC (R7), whatever other one an operator has: by that it would have no NAT.
    """
    name, table = link.name, table_of(nic)
    yield f"rule flush table {table}"
    bare = not link.up and not link.addresses
    if not bare:  # a link that is down has no routes: looking for them in a router's tables takes time
        yield f"route flush table all dev {name} {_OURS}"
    yield f"link set dev {name} group {group} up"
    mark = label(name, lease, primary=nic.primary, endpoint=site.endpoint)
    address = IPv4Interface((lease.address, lease.prefix))
    stays = _ours(link) == [(address, mark)]
    if not stays and not bare:
        yield f"address flush dev {name} label {name}:*"
        if address in link.addresses and not any(each == address for each, _ in _ours(link)):
            yield f"address delete {address} dev {name}"  # somebody gave it already, without our label
    near = IPv4Network((lease.address, lease.prefix), strict=False)
    yield f"route replace {near} dev {name} {_OURS} scope link table {table}"
    every = (*lease.routes, *platform_routes(lease, site.endpoint))
    # Direct routes first: the others may go by what they reach.
    for route in sorted(every, key=lambda each: (each.gateway != DIRECTLY, -each.destination.prefixlen)):
        yield f"{_route(route, name)} table {table}"
        if nic.primary or _is_of_its_own(route, site):
            yield _route(route, name) + _metric(route, metric)
    yield f"rule add pref {NIC_RULE} from {lease.address} lookup {table}"
    if nic.primary:
        guest = site.port.inner_address.ip
        yield f"rule flush pref {GUEST_NEAR}"
        yield f"rule add pref {GUEST_NEAR} from {guest} lookup main suppress_prefixlength 0"
        yield f"rule add pref {GUEST_OUT} from {guest} lookup {table}"
    broadcast = " broadcast +" if lease.prefix < 31 else ""
    if not stays:
        yield f"address add {address}{broadcast} dev {name} label {mark}"


def forget_lines(nic: Nic) -> list[str]:
    """Lines for `ip` in the network OS before a NIC leaves it: its routes go with it, its rule would not."""
    return [f"rule flush table {table_of(nic)}"]


def _is_of_its_own(route: Route, site: Site) -> bool:
    """Whether a route of a secondary NIC may be everybody's: not the default one, nor that to the platform."""
    return route.destination.prefixlen > 0 and not any(each in route.destination for each in site.platform)


def _route(route: Route, name: str) -> str:
    # On link: the address, by which a gateway would be near, comes only after its routes.
    way = "scope link" if route.gateway == DIRECTLY else "onlink"
    via = "" if route.gateway == DIRECTLY else f" via {route.gateway}"
    return f"route replace {route.destination}{via} dev {name} {_OURS} {way}"


def _metric(route: Route, metric: int | None) -> str:
    return f" metric {metric}" if metric is not None and route.destination.prefixlen == 0 else ""
