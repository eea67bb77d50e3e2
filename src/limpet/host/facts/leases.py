"""Where DHCP clients, and this agent, left leases, and the wire server that those name. Source: guest-setup.md §B.4."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.lease import SAVED_LEASE, parse_lease, parse_other_leases
from limpet.host.facts.reading import bytes_of, names_in
from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.guest.lease import AcquiredLease
    from limpet.host.ports import Files

_MOST_FILES = 64  # in one folder of leases
_LARGEST = 1024 * 1024

_NETWORKD = Path("/run/systemd/netif/leases")
_PLACES = (
    (_NETWORKD, re.compile(r"\d+\Z")),
    (Path("/var/lib/dhcp"), re.compile(r"dhclient\..*\.leases\Z|dhclient\.leases\Z")),
    (Path("/var/lib/dhclient"), re.compile(r"dhclient-.*\.leases?\Z")),
    (Path("/var/lib/NetworkManager"), re.compile(r"dhclient-.*\.lease\Z")),
)


def wire_servers(files: Files, now: float) -> Iterator[tuple[str, Path]]:
    """The wire servers that leases of DHCP clients name, each with its file. now: seconds since 1970."""
    for folder, pattern in _PLACES:
        for name in [name for name in names_in(files, folder) if pattern.match(name)][:_MOST_FILES]:
            content = bytes_of(files, folder / name, at_most=_LARGEST)
            address = None if content is None else _wire_server(content, now, networkd=folder == _NETWORKD)
            if address is not None:
                yield str(address), folder / name


def _wire_server(content: bytes, now: float, *, networkd: bool) -> IPv4Address | None:
    from limpet.wire import leases  # noqa: PLC0415 - many machines have no such file

    try:
        found = (leases.parse_networkd_lease(content),) if networkd else leases.parse_isc_leases(content)
    except MalformedDocument:
        return None
    return leases.wire_server_of(found, now)


def saved_lease(files: Files) -> AcquiredLease | None:
    """The lease that the boot stage has kept; None where it had no DHCP, or its file cannot be read."""
    content = bytes_of(files, SAVED_LEASE, at_most=_LARGEST)
    try:
        return None if content is None else parse_lease(content)
    except MalformedDocument:
        return None


def saved_leases(files: Files) -> tuple[AcquiredLease, ...]:
    """All that the boot stage has kept, the primary NIC's first; none where `saved_lease` gives None.

    They are as boot found them: whether one still `holds`, and whether its NIC is still there, is the reader's to judge.
    """
    content = bytes_of(files, SAVED_LEASE, at_most=_LARGEST)
    try:
        return () if content is None else (parse_lease(content), *parse_other_leases(content))
    except MalformedDocument:
        return ()


def saved_wire_server(files: Files) -> str | None:
    """The wire server that the boot stage's own lease names, whatever else is in its file."""
    content = bytes_of(files, SAVED_LEASE, at_most=_LARGEST)
    try:
        return str(IPv4Address(str(json.loads(content or b"{}")["wire_server"])))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None  # as good as none: other places are asked
