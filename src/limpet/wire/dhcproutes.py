"""Routes in DHCP options: classless (121 and Microsoft's 249) and classful (33). Source: RFC 3442, RFC 2132 §5.8."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from limpet.model.errors import MalformedDocument
from limpet.model.network import Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def unpack_routes(value: bytes, where: str, document: str) -> tuple[Route, ...]:
    """Read classless routes: prefix length, significant octets, gateway; host bits of a destination are dropped.

    Raises: MalformedDocument, naming `where`.
    """
    routes = []
    position = 0
    while position < len(value):
        prefix = value[position]
        octets = (prefix + 7) // 8
        end = position + 1 + octets + 4
        if prefix > 32:
            raise MalformedDocument(
                document, f"{where} has a prefix length of {prefix} at its byte {position}"
            )
        if end > len(value):
            raise MalformedDocument(document, f"{where} stops inside the route at its byte {position}")
        destination = value[position + 1 : position + 1 + octets].ljust(4, b"\0")
        network = IPv4Network((destination, prefix), strict=False)
        routes.append(Route(destination=network, gateway=IPv4Address(value[end - 4 : end])))
        position = end
    return tuple(routes)


def pack_routes(routes: Iterable[Route]) -> bytes:
    """Give classless routes as an option's value."""
    return b"".join(
        bytes([route.destination.prefixlen])
        + route.destination.network_address.packed[: (route.destination.prefixlen + 7) // 8]
        + route.gateway.packed
        for route in routes
    )


def classful_routes(pairs: Sequence[IPv4Address]) -> tuple[Route, ...]:
    """Read pairs of destination and router.

    The mask is that of the destination's class, or a host's where host bits are set. A default route is not allowed in
    this option and is left out.
    """
    routes = []
    for destination, gateway in zip(pairs[::2], pairs[1::2], strict=True):
        if int(destination) == 0:
            continue
        network = IPv4Network((destination, classful_prefix(destination)), strict=False)
        if network.network_address != destination:
            network = IPv4Network((destination, 32))
        routes.append(Route(destination=network, gateway=gateway))
    return tuple(routes)


def classful_prefix(address: IPv4Address) -> int:
    """The prefix length of the address's class; 32 for those that are no machine's."""
    first = address.packed[0]
    return next((prefix for bound, prefix in ((128, 8), (192, 16), (224, 24)) if first < bound), 32)
