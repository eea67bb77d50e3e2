"""Where DHCP clients, and this agent, left leases, and the wire server that those name. Source: guest-setup.md §B.4."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.lease import SAVED_LEASE
from limpet.host.facts.reading import bytes_of, names_in
from limpet.model.errors import MalformedDocument
from limpet.wire import leases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.host.ports import Files
    from limpet.model.network import Lease

_MOST_FILES = 64  # in one folder of leases


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """A folder in which a DHCP client leaves leases."""

    folder: Path
    names: re.Pattern[str]
    parse: Callable[[bytes], tuple[Lease, ...]]


def _networkd(content: bytes) -> tuple[Lease, ...]:
    return (leases.parse_networkd_lease(content),)


_PLACES = (
    _Place(folder=Path("/run/systemd/netif/leases"), names=re.compile(r"\d+\Z"), parse=_networkd),
    _Place(
        folder=Path("/var/lib/dhcp"),
        names=re.compile(r"dhclient\..*\.leases\Z|dhclient\.leases\Z"),
        parse=leases.parse_isc_leases,
    ),
    _Place(
        folder=Path("/var/lib/dhclient"),
        names=re.compile(r"dhclient-.*\.leases?\Z"),
        parse=leases.parse_isc_leases,
    ),
    _Place(
        folder=Path("/var/lib/NetworkManager"),
        names=re.compile(r"dhclient-.*\.lease\Z"),
        parse=leases.parse_isc_leases,
    ),
)


def wire_servers(files: Files, now: float) -> Iterator[tuple[str, Path]]:
    """The wire servers that leases of DHCP clients name, each with its file. now: seconds since 1970."""
    for place in _PLACES:
        for name in [name for name in names_in(files, place.folder) if place.names.match(name)][:_MOST_FILES]:
            path = place.folder / name
            content = bytes_of(files, path, at_most=leases.LARGEST)
            if content is None:
                continue
            try:
                address = leases.wire_server_of(place.parse(content), now)
            except MalformedDocument:
                continue
            if address is not None:
                yield str(address), path


def saved_wire_server(files: Files) -> str | None:
    """The wire server that the boot stage's own lease names, whatever else is in its file."""
    content = bytes_of(files, SAVED_LEASE, at_most=leases.LARGEST)
    try:
        return str(IPv4Address(str(json.loads(content or b"{}")["wire_server"])))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None  # as good as none: other places are asked
