"""Where the fabric is. Decision: docs/decisions/0005-endpoint.md. Source: wire-protocol.md §1, guest-setup.md §B.1, §B.4."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.model.errors import FabricError, FabricUnreachable, HostError, MalformedDocument
from limpet.model.goalstate import PROTOCOL_VERSION
from limpet.wire import goalstate, leases
from limpet.wire.http import KIB, accepted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.config.settings import Config
    from limpet.host.ports import Clock, Files, Http, Log
    from limpet.model.network import Lease

WELL_KNOWN = "168.63.129.16"
SAVED_LEASE = Path("/var/lib/limpet/lease.json")
"""What the boot stage's DHCP brought: a JSON object whose member `wire_server` is an address."""

PATIENCE = 300.0
"""How long to look for the fabric before giving up, seconds."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_ANSWER_SECONDS = 5.0
_ANSWER_LIMIT = 64 * KIB
_MOST_FILES = 64  # in one folder of leases
_HTTP_PORT = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """An address of the fabric with the ports of its two services. origin: how it was found, for people."""

    address: str
    origin: str
    wire_port: int
    host_plugin_port: int

    @property
    def wire_server(self) -> str:
        """The wire server as URLs have it; the usual port is left out, as the protocol's documents do."""
        return self.address if self.wire_port == _HTTP_PORT else f"{self.address}:{self.wire_port}"

    @property
    def host_plugin(self) -> str:
        """The host plugin as URLs have it."""
        return f"{self.address}:{self.host_plugin_port}"


def find_endpoint(
    config: Config, http: Http, files: Files, clock: Clock, log: Log, *, patience: float = PATIENCE
) -> Endpoint:
    """Look for a candidate that speaks the protocol, again and again for up to `patience` seconds.

    Raises: FabricUnreachable, saying what was tried and how each candidate failed.
    """
    deadline = clock.monotonic() + patience
    pause = _FIRST_PAUSE
    while True:
        tried = []
        for candidate in candidates(config, files, clock.now()):
            problem = refusal(http, candidate)
            if problem is None:
                log.info("endpoint.found", address=candidate.address, origin=candidate.origin)
                return candidate
            tried.append(f"{candidate.address} ({candidate.origin}): {problem}")
        if clock.monotonic() + pause > deadline:
            raise FabricUnreachable("no wire server was found; tried " + "; ".join(tried))
        log.warning("endpoint.not_found", tried="; ".join(tried), again_in=pause)
        clock.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def candidates(config: Config, files: Files, now: float) -> Iterator[Endpoint]:
    """Where the fabric may be, most likely first, each address once. now: seconds since 1970."""
    seen = set()
    for address, origin in _addresses(config, files, now):
        if address not in seen:
            seen.add(address)
            yield Endpoint(
                address=address,
                origin=origin,
                wire_port=config.fabric_wire_port,
                host_plugin_port=config.fabric_host_plugin_port,
            )


def refusal(http: Http, endpoint: Endpoint) -> str | None:
    """Why `endpoint` is not a wire server we can talk to; None when it is one."""
    request = goalstate.versions_request(endpoint.wire_server)
    try:
        answer = accepted(
            http.exchange(replace(request, timeout=_ANSWER_SECONDS, limit=_ANSWER_LIMIT)), "versions"
        )
        versions = goalstate.parse_versions(answer.body)
    except FabricError as error:
        return str(error)
    if not versions.accept(PROTOCOL_VERSION):
        return f"it speaks {', '.join(versions.supported) or versions.preferred}, not {PROTOCOL_VERSION}"
    return None


def _addresses(config: Config, files: Files, now: float) -> Iterator[tuple[str, str]]:
    if config.fabric_endpoint is not None:
        yield config.fabric_endpoint, f"configured: {config.origin('fabric.endpoint')}"
        return
    saved = _saved(files)
    if saved is not None:
        yield saved, str(SAVED_LEASE)
    if config.fabric_use_leases:
        for place in _PLACES:
            yield from _leased(place, files, now)
    yield WELL_KNOWN, "the well-known address"


def _saved(files: Files) -> str | None:
    content = _content(files, SAVED_LEASE)
    try:
        return str(IPv4Address(str(json.loads(content or b"{}")["wire_server"])))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None  # as good as none: the candidates after it are asked


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """A folder in which a DHCP client leaves leases."""

    folder: Path
    names: re.Pattern[str]
    parse: Callable[[bytes], tuple[Lease, ...]]


def _networkd(content: bytes) -> tuple[Lease, ...]:
    return (leases.parse_networkd_lease(content),)


# Source: guest-setup.md §B.4.
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


def _leased(place: _Place, files: Files, now: float) -> Iterator[tuple[str, str]]:
    try:
        names = [name for name in files.names(place.folder) if place.names.match(name)]
    except HostError:
        return
    for name in names[:_MOST_FILES]:
        path = place.folder / name
        content = _content(files, path)
        if content is not None:
            try:
                address = leases.wire_server_of(place.parse(content), now)
            except MalformedDocument:
                continue
            if address is not None:
                yield str(address), str(path)


def _content(files: Files, path: Path) -> bytes | None:
    try:
        return files.read(path, at_most=leases.LARGEST)
    except (FileNotFoundError, HostError):
        return None
