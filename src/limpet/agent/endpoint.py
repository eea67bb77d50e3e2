"""Finds the fabric: candidates in order of likelihood, of which the first that speaks the protocol is taken.

They come from the configuration, the saved lease, lease files of DHCP clients, and the well-known address. Decision:
docs/decisions/0005-endpoint.md. Source: wire-protocol.md §1, guest-setup.md §B.1, §B.4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from limpet.guest.lease import SAVED_LEASE
from limpet.host.facts import leases
from limpet.model.errors import FabricError, FabricUnreachable
from limpet.model.goalstate import PROTOCOL_VERSION
from limpet.wire import goalstate
from limpet.wire.http import KIB, accepted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.config.settings import Config
    from limpet.host.ports import Clock, Files, Http, Log

WELL_KNOWN = "168.63.129.16"
PATIENCE = 300.0
"""How long to look for the fabric before giving up, seconds."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_ANSWER_SECONDS = 5.0
_ANSWER_LIMIT = 64 * KIB
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
    saved = leases.saved_wire_server(files)
    if saved is not None:
        yield saved, str(SAVED_LEASE)
    if config.fabric_use_leases:
        for address, path in leases.wire_servers(files, now):
            yield address, str(path)
    yield WELL_KNOWN, "the well-known address"
