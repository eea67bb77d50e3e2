"""Leases, routes, DHCP messages and the state of a NIC, as values."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A classless static route; the default route has the destination 0.0.0.0/0."""

    destination: IPv4Network
    gateway: IPv4Address


@dataclass(frozen=True, kw_only=True, slots=True)
class DhcpMessage:
    """A BOOTP/DHCP message reduced to what is used; options that are absent are None or empty.

    kind: option 53 (1 discover, 2 offer, 3 request, 5 ack, 6 nak). lease_seconds: 0xFFFFFFFF is endless.
    routes: option 121, else 249, else 33 (RFC 3442 precedence). wire_server: option 245.
    Source: wire-protocol.md §1.4, guest-setup.md §B.2.
    """

    reply: bool
    transaction: int
    hardware_address: bytes
    kind: int | None = None
    broadcast: bool = False
    address: IPv4Address | None = None
    client_address: IPv4Address | None = None
    requested_address: IPv4Address | None = None
    subnet_mask: IPv4Address | None = None
    routers: tuple[IPv4Address, ...] = ()
    dns_servers: tuple[IPv4Address, ...] = ()
    host_name: str | None = None
    domain_name: str | None = None
    lease_seconds: int | None = None
    server: IPv4Address | None = None
    routes: tuple[Route, ...] = ()
    wire_server: IPv4Address | None = None
    requested_options: tuple[int, ...] = ()
    client_identifier: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """What a DHCP client of this machine wrote down.

    expires: seconds since 1970; None for an endless lease. routers: the gateways of the default route, likeliest first.
    Source: wire-protocol.md §1.5.
    """

    interface: str | None = None
    address: IPv4Address | None = None
    wire_server: IPv4Address | None = None
    expires: float | None = None
    routers: tuple[IPv4Address, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkState:
    """A NIC at one moment, as the kernel tells of it.

    present: False when it was taken out; the rest is what it was last. up: whether it is to be used. connected: whether
    packets go through. changes: how often its carrier has come or gone since it is there; None where the kernel does not count.
    """

    index: int
    name: str
    present: bool = True
    up: bool = False
    connected: bool = False
    changes: int | None = None
