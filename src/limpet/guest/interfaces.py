"""Which of the NICs may lead to the platform, and which of them first. Source: guest-setup.md §B.3, §B.6, §J.1."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address

    from limpet.guest.routes import KernelRoute

SYNTHETIC = "hv_netvsc"
_VIRTUAL_FUNCTION = re.compile(r"mlx[45].*|mana")
_ETHERNET = 1
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Nic:
    """A network interface. mac: 12 lower-case hex digits.

    carrier: None where the kernel does not say, because the link is down. real: whether there is a device behind it. kind:
    the kernel's hardware type (1 is Ethernet). composed: whether it is a bridge, a bond, a tunnel or part of one.
    """

    name: str
    mac: str
    driver: str | None = None
    up: bool = False
    carrier: bool | None = None
    real: bool = True
    kind: int = _ETHERNET
    composed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkFacts:
    """nics: without the loopback. addresses: this machine's own."""

    nics: tuple[Nic, ...] = ()
    routes: tuple[KernelRoute, ...] = ()
    addresses: frozenset[IPv4Address] = frozenset()


def candidates(nics: Iterable[Nic]) -> tuple[Nic, ...]:
    """The NICs to ask for a lease on, likeliest first.

    A virtual function beside a synthetic NIC is never touched: the kernel bonds the two below us. Where no NIC has a device
    (a container), those without one will do.
    """
    plain = [nic for nic in nics if nic.kind == _ETHERNET and not nic.composed and nic.mac.strip("0")]
    ours = [nic for nic in plain if not is_virtual_function(nic, plain)]
    real = [nic for nic in ours if nic.real] or ours
    return tuple(sorted(real, key=_rank))


def is_virtual_function(nic: Nic, nics: Iterable[Nic]) -> bool:
    """Whether `nic` is the accelerated half of another one: the drivers of such, or the MAC of a synthetic NIC."""
    if nic.driver == SYNTHETIC:
        return False
    if nic.driver is not None and _VIRTUAL_FUNCTION.fullmatch(nic.driver):
        return True
    return any(other.driver == SYNTHETIC and other.mac == nic.mac for other in nics)


def _rank(nic: Nic) -> tuple[object, ...]:
    carrier = {True: 0, None: 1, False: 2}[nic.carrier]
    return (carrier, nic.name != "eth0", nic.driver != SYNTHETIC, natural(nic.name))


def natural(name: str) -> tuple[tuple[str, int], ...]:
    """A key that puts eth10 after eth9."""
    parts = _DIGITS.split(name)
    return tuple(
        (parts[index], int(parts[index + 1]) if index + 1 < len(parts) else -1)
        for index in range(0, len(parts), 2)
    )
