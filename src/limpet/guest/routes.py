"""The kernel's routes and addresses as /proc shows them. Source: guest-setup.md §B.2, §B.3."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_UP, _REJECT = 0x1, 0x200
_LEAF = re.compile(r"\|-- (\d+\.\d+\.\d+\.\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelRoute:
    """One route of the main table; gateway 0.0.0.0 where it goes directly."""

    interface: str
    destination: IPv4Network
    gateway: IPv4Address
    metric: int = 0


def parse_route_table(text: str) -> tuple[KernelRoute, ...]:
    """Read /proc/net/route; lines that are no routes, and routes that are down or refuse, are left out."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        try:
            name, destination, gateway, flags, metric, mask = *fields[:4], fields[6], fields[7]
            if int(flags, 16) & (_UP | _REJECT) != _UP:
                continue
            found.append(
                KernelRoute(
                    interface=name,
                    destination=IPv4Network((_address(destination), str(_address(mask))), strict=False),
                    gateway=_address(gateway),
                    metric=int(metric),
                )
            )
        except (ValueError, IndexError):
            continue
    return tuple(found)


def _address(word: str) -> IPv4Address:
    """An address as the kernel prints it: the machine's own byte order."""
    if len(word) != 8:
        raise ValueError(word)
    return IPv4Address(bytes.fromhex(word)[::-1])


def parse_local_addresses(text: str) -> frozenset[IPv4Address]:
    """This machine's addresses, from /proc/net/fib_trie."""
    found = set()
    leaf = None
    for line in text.splitlines():
        match = _LEAF.search(line)
        if match is not None:
            leaf = match[1]
        elif leaf is not None and "/32 host LOCAL" in line:
            found.add(IPv4Address(leaf))
    return frozenset(found)


def way_to(address: IPv4Address, routes: Iterable[KernelRoute]) -> KernelRoute | None:
    """The route that the kernel takes to `address`."""
    fitting = [route for route in routes if address in route.destination]
    return max(fitting, key=lambda route: (route.destination.prefixlen, -route.metric), default=None)


def has_route(
    destination: IPv4Network, gateway: IPv4Address, interface: str, routes: Iterable[KernelRoute]
) -> bool:
    """Whether just this route is there."""
    return any(
        (each.destination, each.gateway, each.interface) == (destination, gateway, interface)
        for each in routes
    )
