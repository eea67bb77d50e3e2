"""What an appliance's network interfaces look like from inside, in each of its network namespaces. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from limpet.lab.commands import LabError

HOST = "host"
NOS, GUEST = "limpet-nos", "limpet-guest"
"""The machine's own namespace, and those of the network OS and of the guest shell by limpet's settings."""
NAMESPACES = (HOST, NOS, GUEST)
_MARK = "== "


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One interface. mac: lower case with colons. addresses: in CIDR notation, without link-local ones."""

    namespace: str
    name: str
    mac: str
    index: int
    up: bool
    addresses: tuple[str, ...] = ()
    altnames: tuple[str, ...] = ()


def looking(namespaces: tuple[str, ...] = NAMESPACES) -> str:
    """A shell script that prints what `seen` reads; a namespace that is not there is left out."""
    lines = []
    for name in namespaces:
        if name == HOST:
            lines.append(f"echo '{_MARK}{name}'; ip -json addr")
        else:
            lines.append(f"test -e /run/netns/{name} && echo '{_MARK}{name}' && ip -n {name} -json addr")
    return "\n".join([*lines, "true"])


def seen(text: str) -> tuple[Link, ...]:
    """All interfaces in what that script printed, but for loopbacks. Raises: LabError."""
    found: list[Link] = []
    for part in text.split(_MARK)[1:]:
        name, _, listed = part.partition("\n")
        try:
            entries = json.loads(listed or "[]")
            found += [_link(name.strip(), entry) for entry in entries if entry.get("link_type") != "loopback"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LabError(f"cannot read the interfaces of {name}: {error}") from error
    return tuple(found)


def _link(namespace: str, entry: dict[str, Any]) -> Link:
    known = entry.get("addr_info", [])
    return Link(
        namespace=namespace,
        name=entry["ifname"],
        mac=entry["address"].lower(),
        index=entry["ifindex"],
        up="UP" in entry["flags"],
        addresses=tuple(f"{one['local']}/{one['prefixlen']}" for one in known if one.get("scope") != "link"),
        altnames=tuple(entry.get("altnames", ())),
    )
