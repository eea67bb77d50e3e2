"""NICs from Linux to a network OS that lives in a network namespace, and back. Source: network-appliance.md §6.4, §6.6, §6.7.

A move loses addresses, routes and the state UP, on both sides; nothing is released at the DHCP server. A name that is taken
where the NIC goes is changed in the same request; which name Linux had is noted by the NIC's MAC (`Nic.name`).

A virtual function follows its synthetic NIC: some kernels take it along, some leave it behind, and one that goes first is
fetched back. So the synthetic half goes first, then the other one where it still is; whoever plans again sees the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.moves import Move
from limpet.appliance.networkos.iproute import batch
from limpet.guest.namespaces import HOST, SeenLink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Nic, Site
    from limpet.guest.steps import Run, Step

LONGEST_NAME = 10
"""Of a NIC in the network OS: an address's label, at most 15 characters, is made of it."""
PRIMARY_GROUP = 16863
"""The kernel's group of links that the primary NIC is in while the network OS has it: rules know it by that."""
_LINUX = "1"
"""Process 1, in whose namespace the kernel's NICs are at boot, and to which they fall back."""
_UPPER = frozenset(
    {"bond", "bridge", "dummy", "gre", "hsr", "ipvlan", "macsec", "macvlan", "macvtap", "team", "vlan", "vrf"}
)
"""Kinds of links that stand on a NIC and borrow its MAC."""


def halves(nic: Nic, links: Iterable[SeenLink]) -> tuple[SeenLink | None, tuple[SeenLink, ...]]:
    """The NIC among links of one namespace, and the virtual functions with its MAC."""
    same = [link for link in links if link.mac == nic.mac and link.kind not in _UPPER]
    faces = [link for link in same if not link.vf]
    face = min(faces, key=lambda link: _unlike(nic, link), default=None)
    return face, tuple(link for link in same if link is not face)


def _unlike(nic: Nic, link: SeenLink) -> tuple[bool, bool, bool, int]:
    """A virtual function that does not serve yet looks like a NIC: what is known of the NIC tells them apart."""
    known = nic.device is not None and link.device == nic.device
    function = link.name in {nic.vf, _by_mac(nic, "vf")}
    return not known, function, link.name not in {nic.name, _by_mac(nic, "nic")}, link.index


def place_of(nic: Nic, seen: Seen) -> str | None:
    """The namespace in which a NIC is; None where it is not seen at all."""
    for namespace, links in seen.namespaces.items():
        if halves(nic, links)[0] is not None:
            return namespace
    return None


def claim(nic: Nic, site: Site, seen: Seen) -> Move:
    """Give a NIC to the namespace of the network OS. A NIC that is not seen is asked for by its name, and that is refused."""
    there = site.network_os
    place = place_of(nic, seen)
    forward: list[Run] = []
    name = nic.name
    if place == there:
        face, _ = halves(nic, seen.links(there))
        name = face.name if face is not None else name
    else:
        source = place if place is not None else HOST
        face, _ = halves(nic, seen.links(source))
        here = face.name if face is not None else nic.name
        name = free_name(nic, here, there, seen)
        forward += batch(source, [f"link set dev {here} netns {there} name {name}"])
    for namespace, vf in _functions(nic, seen):
        if namespace != there:
            forward += batch(
                namespace,
                [f"link set dev {vf.name} netns {there} name {_vf_name(nic, vf.name, there, seen)}"],
                tolerant=True,
            )
    back = (
        *batch(there, _leave(name, nic.name)),
        *(batch(there, [f"link set dev {nic.vf} netns {_LINUX}"], tolerant=True) if nic.vf else ()),
        *batch(HOST, [f"link set dev {nic.name} up"]),
    )
    return Move(
        name=f"claim {nic.name}",
        purpose=f"give {nic.name} to the network OS{f' as {name}' if name != nic.name else ''}",
        forward=tuple(forward),
        back=back,
    )


def release(nic: Nic, site: Site, seen: Seen, *, leaving: Sequence[str] = ()) -> tuple[Step, ...]:
    """Give a NIC back to Linux, up and without addresses, under the name it had. leaving: lines for where it is, before it goes."""
    place = place_of(nic, seen)
    steps: list[Run] = []
    if place is None:
        pass
    elif place == HOST:
        steps += batch(HOST, _righted(nic, seen))
    else:
        face, _ = halves(nic, seen.links(place))
        name = _name_at_home(nic, seen)
        steps += batch(place, [*leaving, *_leave(face.name if face is not None else nic.name, name)])
        steps += batch(HOST, [f"link set dev {name} up"])
    for namespace, vf in _functions(nic, seen):
        if namespace not in {HOST, site.guest}:
            wanted = nic.vf if nic.vf and seen.named(HOST, nic.vf) is None else vf.name
            wanted = wanted if seen.named(HOST, wanted) is None else _by_mac(nic, "vf")
            steps += batch(namespace, [f"link set dev {vf.name} netns {_LINUX} name {wanted}"], tolerant=True)
    return tuple(steps)


def _functions(nic: Nic, seen: Seen) -> Iterator[tuple[str, SeenLink]]:
    for namespace, links in seen.namespaces.items():
        face, functions = halves(nic, links)
        if face is None and place_of(nic, seen) is None:
            continue
        for each in functions:
            yield namespace, each


def _leave(name: str, at_home: str) -> list[str]:
    return [f"link set dev {name} group default", f"link set dev {name} netns {_LINUX} name {at_home}"]


def _righted(nic: Nic, seen: Seen) -> list[str]:
    """Lines for a NIC that came home by itself: the kernel brings it down, and under any name."""
    face, _ = halves(nic, seen.links(HOST))
    if face is None:
        return []
    lines = []
    name = face.name
    if name != nic.name and nic.name not in face.altnames and seen.named(HOST, nic.name) is None:
        lines += [f"link set dev {name} down"] if face.up else []
        lines += [f"link set dev {name} name {nic.name}"]
        name = nic.name
    if lines or not face.up:
        lines.append(f"link set dev {name} up")
    return lines


def _name_at_home(nic: Nic, seen: Seen) -> str:
    return nic.name if seen.named(HOST, nic.name) is None else _by_mac(nic, "nic")


def free_name(nic: Nic, name: str, namespace: str, seen: Seen) -> str:
    """The name that a NIC can have in the network OS: its own, or one made of its MAC where that is taken or too long."""
    if len(name) <= LONGEST_NAME and seen.named(namespace, name) is None:
        return name
    return _by_mac(nic, "nic")


def _vf_name(nic: Nic, name: str, namespace: str, seen: Seen) -> str:
    return name if seen.named(namespace, name) is None else _by_mac(nic, "vf")


def _by_mac(nic: Nic, kind: str) -> str:
    return f"{kind}{nic.mac.replace(':', '')[-6:]}"


def foreseen(nic: Nic, site: Site, seen: Seen) -> SeenLink:
    """The NIC as it will be in the network OS after `claim`: what is planned together with that."""
    place = place_of(nic, seen)
    face = None if place is None else halves(nic, seen.links(place))[0]
    name = nic.name if face is None else face.name
    return SeenLink(name=free_name(nic, name, site.network_os, seen), mac=nic.mac, index=0)
