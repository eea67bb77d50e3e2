"""An appliance's NICs as they are: the links of each network namespace, which is what every plan of a handover starts from.

`limpet.host.facts.namespaces` reads them, with `ip -json -details address` in each namespace.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Any

from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DOCUMENT = "ip -json -details address"
HOST = ""
"""The name that the host's own namespace goes by here."""
_MOST = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenLink:
    """One link. mac: lower case with colons. kind: ``veth``, ``bridge`` …; None for a device with a driver.

    vf: whether it serves under a synthetic NIC of the same MAC (the kernel's flag SLAVE). device: its name on its bus, such
    as a VMBus UUID. labels: of the addresses, in their order; the link's name where none was given.
    """

    name: str
    mac: str
    index: int
    up: bool = False
    carrier: bool = False
    kind: str | None = None
    vf: bool = False
    altnames: tuple[str, ...] = ()
    addresses: tuple[IPv4Interface, ...] = ()
    labels: tuple[str, ...] = ()
    device: str | None = None
    mtu: int = 1500


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """The links of each namespace by its name; a namespace that does not exist is not in it.

    doubted: whether what looks done may not be: routes and rules are not seen here. Plans do all of it again then.
    """

    namespaces: Mapping[str, tuple[SeenLink, ...]]
    doubted: bool = False

    def in_doubt(self) -> Seen:
        """The same, to plan from when something does not work although it looks done."""
        return Seen(namespaces=self.namespaces, doubted=True)

    def exists(self, namespace: str) -> bool:
        """Whether there is such a namespace."""
        return namespace in self.namespaces

    def links(self, namespace: str) -> tuple[SeenLink, ...]:
        """The links in a namespace; none where it does not exist."""
        return self.namespaces.get(namespace, ())

    def named(self, namespace: str, name: str) -> SeenLink | None:
        """The link of that name, also an alternative name."""
        return next(
            (each for each in self.links(namespace) if each.name == name or name in each.altnames), None
        )

    def of_mac(self, mac: str) -> Iterator[tuple[str, SeenLink]]:
        """Every link with this MAC, and where it is: a synthetic NIC has its VF beside it."""
        for namespace, links in self.namespaces.items():
            for link in links:
                if link.mac == mac:
                    yield namespace, link


def parse_links(content: bytes) -> tuple[SeenLink, ...]:
    """What `ip` says of one namespace. Links without Ethernet addresses are passed over. Raises: MalformedDocument."""
    try:
        found = json.loads(content or b"[]")
    except (ValueError, RecursionError) as error:
        raise MalformedDocument(DOCUMENT, "it is not JSON") from error
    if not isinstance(found, list):
        raise MalformedDocument(DOCUMENT, "it is not a list")
    return tuple(_link(each) for each in found[:_MOST] if isinstance(each, dict) and _is_ethernet(each))


def _is_ethernet(found: Mapping[str, Any]) -> bool:
    return found.get("link_type") == "ether" and isinstance(found.get("ifname"), str)


def _link(found: Mapping[str, Any]) -> SeenLink:
    flags = [str(each) for each in _list(found, "flags")]
    info = found.get("linkinfo")
    kind = info.get("info_kind") if isinstance(info, dict) else None
    addresses = [
        each for each in _list(found, "addr_info") if isinstance(each, dict) and each.get("family") == "inet"
    ]
    try:
        return SeenLink(
            name=str(found["ifname"]).partition("@")[0],
            mac=str(found.get("address", "")).lower(),
            index=int(found.get("ifindex", 0)),
            up="UP" in flags,
            carrier="LOWER_UP" in flags,
            kind=None if kind is None else str(kind),
            vf="SLAVE" in flags,
            altnames=tuple(str(each) for each in _list(found, "altnames")),
            addresses=tuple(_interface(f"{each['local']}/{each['prefixlen']}") for each in addresses),
            labels=tuple(str(each.get("label", found["ifname"])) for each in addresses),
            device=str(found["parentdev"]) if "parentdev" in found else None,
            mtu=int(found.get("mtu", 1500)),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise MalformedDocument(DOCUMENT, f"a link cannot be read: {str(error)[:100]}") from error


_interface = lru_cache(64)(IPv4Interface)
"""The same few addresses are read again and again."""


def _list(found: Mapping[str, Any], name: str) -> list[Any]:
    value = found.get(name)
    return value if isinstance(value, list) else []
