"""The guest port: a pair of virtual links between the namespaces of the network OS and of the guest shell.

The outer end gets its address last, with a label that says which NAT is loaded: where it is seen, all before it is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.networkos import rules
from limpet.appliance.networkos.addressing import GUEST_RULE
from limpet.appliance.networkos.iproute import batch
from limpet.guest.steps import Task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address

    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Site
    from limpet.guest.steps import Run

TASK = "guest-port"


def is_there(site: Site, seen: Seen) -> bool:
    """Whether both ends are where they belong, up and with their addresses."""
    outer = seen.named(site.network_os, site.port.outer)
    inner = seen.named(site.guest, site.port.inner)
    return (
        outer is not None
        and inner is not None
        and outer.up
        and inner.up
        and site.port.outer_address in outer.addresses
        and site.port.inner_address in inner.addresses
    )


def nat_is(site: Site, address: IPv4Address | None, seen: Seen) -> bool:
    """Whether the loaded NAT is the one to this address."""
    outer = seen.named(site.network_os, site.port.outer)
    return outer is not None and _mark(site, address) in outer.labels


def plan(site: Site, seen: Seen, *, anew: bool) -> Task:
    """Make the pair and its addresses. anew: even where it looks complete."""
    return Task(
        name=TASK,
        purpose=f"make the guest port {site.port.outer}, {site.port.inner} in the guest",
        steps=() if is_there(site, seen) and not anew else tuple(_steps(site, seen)),
    )


def _steps(site: Site, seen: Seen) -> Iterator[Run]:
    port, there = site.port, site.network_os
    outer, inner = seen.named(there, port.outer), seen.named(site.guest, port.inner)
    if outer is None or inner is None:
        # One end takes the other with it, and a namespace that has just died both: it may take a moment.
        for namespace, name, end in ((there, port.outer, outer), (site.guest, port.inner, inner)):
            if end is not None:
                yield from batch(namespace, [f"link delete dev {name}"], tolerant=True)
        lines = [f"link add name {port.outer} type veth peer name {port.inner} netns {site.guest}"]
        yield from batch(there, lines)
    yield from inner_end(site, "link set dev lo up")
    yield from relabelled(site, rules.primary_address(site))


def inner_end(site: Site, *before: str) -> tuple[Run, ...]:
    """Addresses and routes of the guest's end, whatever somebody has made of them; the link must be there. before: lines to begin with."""
    port = site.port
    return batch(
        site.guest,
        [
            *before,
            f"address replace {port.inner_address} broadcast + dev {port.inner}",
            f"link set dev {port.inner} up",
            # On the link, whatever has become of the route to its network.
            f"route replace default via {port.outer_address.ip} dev {port.inner} onlink",
            # Another agent may look for routes of their own to these before it believes that there is a network.
            *(
                f"route replace {each}/32 via {port.outer_address.ip} dev {port.inner} onlink"
                for each in site.platform
                if each not in port.outer_address.network
            ),
        ],
    )


def relabelled(site: Site, address: IPv4Address | None) -> tuple[Run, ...]:
    """Give the outer end its address, with what says that NAT to `address` is loaded."""
    name, outer = site.port.outer, site.port.outer_address
    return batch(
        site.network_os,
        [
            f"rule flush pref {GUEST_RULE}",
            f"rule add pref {GUEST_RULE} to {outer.network} lookup main",
            f"link set dev {name} up",
            f"address flush dev {name} label {name}*",
            f"address add {outer} broadcast + dev {name} label {_mark(site, address)}",
        ],
    )


def _mark(site: Site, address: IPv4Address | None) -> str:
    return f"{site.port.outer}:{rules.nat_mark(site, address)}"
