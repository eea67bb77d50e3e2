"""Everything the agent needs of a machine, in one value of ports. Tests give a fake machine's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from limpet.agent.bridge import Ask
    from limpet.host.ports import (
        Clock,
        Commands,
        ControlGroups,
        Fetcher,
        Files,
        Http,
        Log,
        Processes,
        Random,
        Vault,
        Workers,
    )
    from limpet.model.status import GuestInfo
    from limpet.wire.http import Request, Response


class Reporting(Protocol):
    """What reporting needs of a machine."""

    @property
    def fetcher(self) -> Exchanger:
        """For storage, where the host plugin does not take a report."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def log(self) -> Log:
        """Events."""


class Talking(Protocol):
    """What telemetry needs of a machine."""

    @property
    def http(self) -> Exchanger:
        """For the fabric."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def log(self) -> Log:
        """Events."""


class Exchanger(Protocol):
    """Something that sends requests: Http, or a Fetcher."""

    def exchange(self, request: Request) -> Response:
        """Send one request and give its answer. Raises: FabricUnreachable."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """The ports, and who this machine says it is. ask_network_os: has a line of its command language done, where there is one."""

    http: Http
    files: Files
    commands: Commands
    processes: Processes
    workers: Workers
    cgroups: ControlGroups
    vault: Vault
    fetcher: Fetcher
    clock: Clock
    chance: Random
    log: Log
    guest: GuestInfo
    ask_network_os: Ask | None = None
