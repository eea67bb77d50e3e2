"""Routes that went missing when a DHCP client was restarted come back from the saved lease. Source: guest-setup.md §B.5, §L 11.

What a client that runs does with its routes is its own business: only when it is another one than before, or none, is anything
added. Nothing is replaced, and no gateway is revived that the client's own lease knows better.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from limpet.guest.offers import DIRECTLY, platform_routes
from limpet.guest.routes import way_to
from limpet.guest.steps import Run, Task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address

    from limpet.guest.lease import AcquiredLease
    from limpet.guest.routes import KernelRoute
    from limpet.model.network import Route

_ANYWHERE = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, kw_only=True, slots=True)
class RepairFacts:
    """The machine now.

    clients: the DHCP clients that run; before: those that ran when this was looked at last, None for the first time.
    lease: the saved one. routers: the gateways that the client's own lease for that NIC names.
    """

    routes: tuple[KernelRoute, ...]
    addresses: frozenset[IPv4Address]
    clients: frozenset[int]
    before: frozenset[int] | None
    lease: AcquiredLease | None
    routers: tuple[IPv4Address, ...] = ()


def plan_repair(facts: RepairFacts, endpoint: IPv4Address | None) -> tuple[Task, str | None]:
    """Add what is missing of the lease's routes, and why nothing is done where something is missing.

    endpoint: the wire server. The lease's routes are those to the platform, the default route, and what else the platform gave.
    """
    lines: tuple[str, ...] = ()
    lease = facts.lease
    reason = None
    if not _something_missing(facts, endpoint):
        pass
    elif facts.clients and (facts.before is None or facts.clients & facts.before):
        reason = "the DHCP client that has removed them, or has never set them, still runs"
    elif lease is None:
        reason = "there is no saved lease"
    elif lease.address not in facts.addresses:
        reason = f"{lease.address}, the address of the saved lease, is not this machine's any more"
    else:
        lines = tuple(_commands(lease, facts, endpoint))
    task = Task(
        name="routes",
        purpose=f"add routes of the saved lease again: {'; '.join(lines)}" if lines else "keep the routes",
        steps=(Run(("ip", "-batch", "-"), stdin="".join(f"{line}\n" for line in lines).encode()),)
        if lines
        else (),
        advice="Look at `ip route`; without them the fabric is not reached.",
        required=False,
    )
    return task, reason


def _something_missing(facts: RepairFacts, endpoint: IPv4Address | None) -> bool:
    has_default = any(route.destination == _ANYWHERE for route in facts.routes)
    return not has_default or (endpoint is not None and way_to(endpoint, facts.routes) is None)


def _commands(lease: AcquiredLease, facts: RepairFacts, endpoint: IPv4Address | None) -> Iterator[str]:
    """Lines for ``ip -batch``, the direct routes first: the others may go by what they reach."""
    near = IPv4Network((lease.address, lease.prefix), strict=False)
    there = {route.destination for route in facts.routes}
    wanted = (*lease.routes, *platform_routes(lease, endpoint))
    for route in sorted(wanted, key=lambda each: (each.gateway != DIRECTLY, -each.destination.prefixlen)):
        if route.destination in there:
            continue
        gateway = _gateway(route, lease, facts)
        if gateway == DIRECTLY:
            yield f"route add {route.destination} dev {lease.interface} scope link"
        else:
            far = "" if gateway in near and lease.prefix < 32 else " onlink"
            yield f"route add {route.destination} via {gateway} dev {lease.interface}{far}"


def _gateway(route: Route, lease: AcquiredLease, facts: RepairFacts) -> IPv4Address:
    """The lease's gateway, or the one that took its place since."""
    default = next((each.gateway for each in lease.routes if each.destination == _ANYWHERE), None)
    if facts.routers and route.gateway == default:
        return route.gateway if route.gateway in facts.routers else facts.routers[0]
    return route.gateway
