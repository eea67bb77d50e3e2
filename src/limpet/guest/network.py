"""What makes a lease this machine's: addresses, routes, name servers, and the file in which it is kept for later stages.

Source: guest-setup.md §B.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.lease import SAVED_LEASE, parse_lease, parse_other_leases, render_lease
from limpet.guest.offers import DIRECTLY, platform_routes
from limpet.guest.routes import has_route
from limpet.guest.steps import MakeFolder, Run, Task, Write
from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address

    from limpet.guest.interfaces import NetworkFacts
    from limpet.guest.lease import AcquiredLease

_MOST_SHOWN = 8

RESOLVER = Path("/etc/resolv.conf")
RESOLVER_OWNERS = (
    Path("/run/systemd/resolve"),
    Path("/run/NetworkManager"),
    Path("/run/resolvconf"),
    Path("/etc/resolvconf"),
    Path("/run/netconfig"),
)
"""Where one of these is, somebody else keeps resolv.conf."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolverFacts:
    """empty: nothing is at resolv.conf, or a file that says nothing. owner: who keeps it, None for nobody."""

    empty: bool = False
    owner: Path | None = None


def plan_lease(lease: AcquiredLease, facts: NetworkFacts, endpoint: IPv4Address | None = None) -> Task:
    """Give the NIC its address and routes, in one run of one program. endpoint: the wire server, where it is another one."""
    lines = tuple(_commands(lease, facts, endpoint))
    return Task(
        name="network",
        purpose=f"give {lease.interface} the address {lease.address}/{lease.prefix} and its routes"
        + _shown(lines),
        steps=(Run(("ip", "-batch", "-"), stdin="".join(f"{line}\n" for line in lines).encode()),)
        if lines
        else (),
        advice="Look at `ip address` and `ip route`; without them the fabric is not reached.",
    )


def _shown(lines: tuple[str, ...]) -> str:
    """The beginning of what is given to ip, for people."""
    more = f"; {len(lines) - _MOST_SHOWN} more" if len(lines) > _MOST_SHOWN else ""
    return f" ({'; '.join(lines[:_MOST_SHOWN])}{more})" if lines else ""


def _commands(lease: AcquiredLease, facts: NetworkFacts, endpoint: IPv4Address | None) -> Iterator[str]:
    """Lines for ``ip -batch``; each may be given again. What is in place gives none."""
    name = lease.interface
    if not any(nic.name == name and nic.up for nic in facts.nics):
        yield f"link set dev {name} up"
    if lease.address not in facts.addresses:
        broadcast = " broadcast +" if lease.prefix < 31 else ""
        yield f"address replace {lease.address}/{lease.prefix}{broadcast} dev {name}"
    near = IPv4Network((lease.address, lease.prefix), strict=False)
    # Direct routes first: the others may go by what they reach.
    wanted = (*lease.routes, *platform_routes(lease, endpoint))
    for route in sorted(wanted, key=lambda each: (each.gateway != DIRECTLY, -each.destination.prefixlen)):
        if has_route(route.destination, route.gateway, name, facts.routes):
            continue
        if route.gateway == DIRECTLY:
            yield f"route replace {route.destination} dev {name} scope link"
        else:
            far = "" if route.gateway in near and lease.prefix < 32 else " onlink"
            yield f"route replace {route.destination} via {route.gateway} dev {name}{far}"


def plan_saved_lease(
    lease: AcquiredLease, saved: bytes | None, others: tuple[AcquiredLease, ...] = ()
) -> Task:
    """Keep the lease, and those of other NICs, for later stages. saved: the file as it is."""
    wanted = render_lease(lease, others)
    try:
        same = saved is not None and render_lease(parse_lease(saved), parse_other_leases(saved)) == wanted
    except MalformedDocument:
        same = False
    steps = (
        MakeFolder(path=SAVED_LEASE.parent, mode=0o700),
        Write(path=SAVED_LEASE, content=wanted, mode=0o600),
    )
    return Task(
        name="saved-lease",
        purpose="keep the lease for later stages",
        steps=() if same else steps,
        required=False,
        advice="Later stages will look for the fabric at its well-known address.",
    )


def plan_resolver(lease: AcquiredLease, facts: ResolverFacts) -> Task:
    """Name servers, where nobody else has any to give."""
    lines = [f"search {lease.domain}"] if lease.domain else []
    lines += [f"nameserver {server}" for server in lease.dns[:3]]
    wanted = facts.empty and facts.owner is None and bool(lease.dns)
    content = "".join(f"{line}\n" for line in lines).encode()
    return Task(
        name="resolver",
        purpose="name the platform's DNS servers",
        steps=(Write(path=RESOLVER, content=content),) if wanted else (),
        required=False,
    )
