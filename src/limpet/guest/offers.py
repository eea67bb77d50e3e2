"""Whether what a DHCP server says can be used, and the lease that comes of it. Source: guest-setup.md §B.2, RFC 2131, RFC 3442."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from limpet.guest.lease import AcquiredLease
from limpet.model.addresses import METADATA, PLATFORM, WIRE_SERVER
from limpet.model.network import Route
from limpet.wire.dhcproutes import classful_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from limpet.model.network import DhcpMessage

DIRECTLY = IPv4Address(0)
MOST_ROUTES = 64
_DEFAULT = IPv4Network("0.0.0.0/0")
_NEVER = (IPv4Network("127.0.0.0/8"), IPv4Network("224.0.0.0/3"))
_ENDLESS = 0xFFFFFFFF
_WIDEST = 8
"""The shortest prefix of a network that anybody has; a shorter one would make half the world our neighbours."""


def is_host(address: IPv4Address | None) -> bool:
    """Whether an address can be one machine's: not zero, loopback, multicast, reserved or broadcast."""
    return address is not None and int(address) >> 24 != 0 and not any(address in each for each in _NEVER)


def refusal(message: DhcpMessage) -> str | None:
    """Why an offer or acknowledgement cannot be used; None when it can."""
    if message.server is None:
        return "it does not say which server it is from (option 54)"
    address = message.address
    if address is None or not is_host(address) or address.is_link_local:
        return "there is no address in it" if address is None else f"the address {address} cannot be ours"
    prefix = prefix_of(message)
    if prefix is None:
        return f"the netmask {message.subnet_mask} is none"
    network = IPv4Network((address, prefix), strict=False)
    if prefix < 31 and address in {network.network_address, network.broadcast_address}:
        return f"{address} is not a machine's address in {network}"
    return None


def prefix_of(message: DhcpMessage) -> int | None:
    """The prefix length of option 1, or of the address's class where it is absent; None for a mask that is none."""
    mask = message.subnet_mask
    if mask is None:
        return None if message.address is None else classful_prefix(message.address)
    zeros = ~int(mask) & 0xFFFFFFFF
    prefix = 32 - zeros.bit_length()
    return prefix if zeros & (zeros + 1) == 0 and prefix >= _WIDEST else None


def knows_platform(message: DhcpMessage) -> bool:
    """Whether this NIC is the one that leads to the platform: option 245, or a route of its own to one of its addresses."""
    return is_host(message.wire_server) or any(
        route.destination.prefixlen and address in route.destination
        for route in message.routes
        for address in PLATFORM
    )


def lease_of(
    answer: DhcpMessage, offer: DhcpMessage | None, interface: str, now: float
) -> tuple[AcquiredLease, tuple[str, ...]]:
    """The lease that an acknowledgement gives, and what of it was left out, for people.

    offer: where an acknowledgement leaves something out, it counts. now: seconds since 1970. `refusal` has passed both.
    """
    address, server = answer.address, answer.server
    if address is None or server is None:
        raise ValueError("refusal() was not asked")
    if answer.subnet_mask is None and offer is not None and offer.subnet_mask is not None:
        prefix = prefix_of(offer) or 32
    else:
        prefix = prefix_of(answer) or 32
    notes: list[str] = []
    routes = _routes(answer.routes, address, notes)
    if not answer.routes:
        routers = [router for router in answer.routers if is_host(router) and router != address]
        routes = tuple(Route(destination=_DEFAULT, gateway=router) for router in routers[:1])
        if answer.routers and not routers:
            notes.append(f"the router {answer.routers[0]} cannot be one")
    if answer.wire_server is not None and not is_host(answer.wire_server):
        notes.append(f"option 245 says {answer.wire_server}, which cannot be the wire server")
    lease = AcquiredLease(
        interface=interface,
        mac=answer.hardware_address.hex(),
        address=address,
        prefix=prefix,
        routes=routes,
        dns=tuple(each for each in answer.dns_servers if is_host(each))[:8],
        domain=answer.domain_name if _is_domain(answer.domain_name) else None,
        wire_server=answer.wire_server if is_host(answer.wire_server) else None,
        server=server,
        obtained=now,
        seconds=None if answer.lease_seconds in {None, _ENDLESS} else answer.lease_seconds,
    )
    return lease, tuple(notes)


def _routes(routes: Iterable[Route], address: IPv4Address, notes: list[str]) -> tuple[Route, ...]:
    """Those that can be taken, each destination once."""
    kept: dict[IPv4Network, Route] = {}
    for route in routes:
        odd = any(route.destination.overlaps(each) for each in _NEVER) and route.destination.prefixlen != 0
        if odd or (route.gateway != DIRECTLY and not is_host(route.gateway)) or route.gateway == address:
            notes.append(f"the route to {route.destination} by {route.gateway} cannot be one")
        elif len(kept) < MOST_ROUTES:
            kept.setdefault(route.destination, route)
        elif f"more than {MOST_ROUTES} routes" not in notes:
            notes.append(f"more than {MOST_ROUTES} routes")
    return tuple(kept.values())


def platform_routes(lease: AcquiredLease, endpoint: IPv4Address | None = None) -> tuple[Route, ...]:
    """Routes of their own to the wire server and the metadata service, as far as the lease has none.

    They go by the default gateway; where there is none, directly: the platform's switch answers for its own addresses.
    """
    gateway = next((each.gateway for each in lease.routes if each.destination.prefixlen == 0), DIRECTLY)
    wire_server = endpoint or lease.wire_server or WIRE_SERVER
    wanted = dict.fromkeys((wire_server, METADATA))
    near = IPv4Network((lease.address, lease.prefix), strict=False)
    return tuple(
        Route(destination=IPv4Network(address), gateway=gateway)
        for address in wanted
        if address not in near
        and not any(each.destination.prefixlen and address in each.destination for each in lease.routes)
    )


def _is_domain(name: str | None) -> bool:
    return (
        name is not None
        and len(name) <= 253
        and all(
            part and part.isascii() and part.replace("-", "").replace("_", "").isalnum()
            for part in name.split(".")
        )
    )
