"""The leases that this agent took by DHCP itself, and the file in which later stages find them.

The primary NIC's stands first; those of other NICs are kept beside it, because a network OS needs them, too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from limpet.model.errors import MalformedDocument
from limpet.model.network import Route

if TYPE_CHECKING:
    from collections.abc import Iterable

SAVED_LEASE = Path("/var/lib/limpet/lease.json")
DOCUMENT = "lease.json"
VERSION = 1
LARGEST = 64 * 1024
_MOST = 256
_OTHERS = "others"
MOST_OTHERS = 32
"""NICs besides the primary one whose leases are kept."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class AcquiredLease:
    """What a DHCP server gave, checked.

    A route whose gateway is 0.0.0.0 goes to its destination directly. obtained: seconds since 1970; seconds: how long the
    lease holds from then, None without end.
    """

    interface: str
    mac: str
    address: IPv4Address
    prefix: int
    routes: tuple[Route, ...] = ()
    dns: tuple[IPv4Address, ...] = ()
    domain: str | None = None
    wire_server: IPv4Address | None = None
    server: IPv4Address
    obtained: float
    seconds: int | None = None

    def holds(self, now: float) -> bool:
        """Whether it still holds at `now`; a clock that went back counts as a lease that has ended."""
        return self.obtained <= now and (self.seconds is None or now < self.obtained + self.seconds)


def render_lease(lease: AcquiredLease, others: Iterable[AcquiredLease] = ()) -> bytes:
    """The file `parse_lease` and `parse_other_leases` read. others: of further NICs; what does not fit is left out.

    They stand beside the lease, each a whole document with a version of its own: who knows nothing of them, and read this
    file before there were any, reads it as ever.
    """
    members = _members(lease)
    further = {each.mac: each for each in others if each.mac != lease.mac}
    kept = _fitting(further.values(), room=LARGEST - len(_text(members)) - len(_OTHERS) - 16)
    return _text({**members, _OTHERS: kept} if kept else members)


def _fitting(leases: Iterable[AcquiredLease], room: int) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for lease in leases:
        members = _members(lease)
        room -= 2 * len(_text(members))  # indented further in, and with a comma
        if room < 0 or len(kept) == MOST_OTHERS:
            break
        kept.append(members)
    return kept


def _text(members: dict[str, Any]) -> bytes:
    return (json.dumps(members, indent=1) + "\n").encode("ascii")


def _members(lease: AcquiredLease) -> dict[str, Any]:
    return {
        "version": VERSION,
        "interface": lease.interface,
        "mac": lease.mac,
        "address": str(lease.address),
        "prefix": lease.prefix,
        "routes": [
            {"destination": str(each.destination), "gateway": str(each.gateway)} for each in lease.routes
        ],
        "dns": [str(each) for each in lease.dns],
        "domain": lease.domain,
        "wire_server": None if lease.wire_server is None else str(lease.wire_server),
        "server": str(lease.server),
        "obtained": lease.obtained,
        "seconds": lease.seconds,
    }


def parse_lease(content: bytes) -> AcquiredLease:
    """Read the primary NIC's. Raises: MalformedDocument, whatever is wrong with it."""
    return _lease(_loaded(content))


def parse_other_leases(content: bytes) -> tuple[AcquiredLease, ...]:
    """Read those of further NICs, each MAC once and not the primary NIC's; what cannot be read among them is passed over.

    Raises: MalformedDocument, where `parse_lease` does.
    """
    document = _loaded(content)
    primary = _lease(document)
    others = document.get(_OTHERS)
    found: dict[str, AcquiredLease] = {}
    for members in others[:MOST_OTHERS] if isinstance(others, list) else ():
        try:
            lease = _lease(members)
        except MalformedDocument:
            continue
        if lease.mac != primary.mac:
            found.setdefault(lease.mac, lease)
    return tuple(found.values())


def _loaded(content: bytes) -> Any:
    if len(content) > LARGEST:
        raise MalformedDocument(DOCUMENT, f"{len(content)} bytes, more than the {LARGEST} that are accepted")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MalformedDocument(DOCUMENT, f"it cannot be read: {str(error)[:100]}") from error


def _lease(found: Any) -> AcquiredLease:
    try:
        if not isinstance(found, dict) or found.get("version") != VERSION:
            raise MalformedDocument(DOCUMENT, f"it is not of version {VERSION}")
        wire_server, seconds = found.get("wire_server"), found.get("seconds")
        prefix, domain = _typed(found, "prefix", int), found.get("domain")
        obtained = found.get("obtained")
        if not 0 <= prefix <= 32 or not isinstance(domain, str | None) or not isinstance(seconds, int | None):
            raise MalformedDocument(DOCUMENT, "prefix, domain or seconds cannot be used")
        if isinstance(obtained, bool) or not isinstance(obtained, int | float) or not 0 <= obtained < 1e11:
            raise MalformedDocument(DOCUMENT, "obtained is not a time")
        return AcquiredLease(
            interface=_typed(found, "interface", str),
            mac=_typed(found, "mac", str),
            address=IPv4Address(_typed(found, "address", str)),
            prefix=prefix,
            routes=tuple(
                Route(
                    destination=IPv4Network(_typed(each, "destination", str)),
                    gateway=IPv4Address(_typed(each, "gateway", str)),
                )
                for each in _typed(found, "routes", list)[:_MOST]
            ),
            dns=tuple(IPv4Address(str(each)) for each in _typed(found, "dns", list)[:_MOST]),
            domain=domain,
            wire_server=None if wire_server is None else IPv4Address(str(wire_server)),
            server=IPv4Address(_typed(found, "server", str)),
            obtained=float(obtained),
            seconds=seconds,
        )
    except ValueError as error:
        raise MalformedDocument(DOCUMENT, f"it cannot be read: {str(error)[:100]}") from error


def _typed(members: Any, name: str, kind: type[T]) -> T:
    value = members.get(name) if isinstance(members, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise MalformedDocument(DOCUMENT, f"{name} is missing or of the wrong kind")
    return value
