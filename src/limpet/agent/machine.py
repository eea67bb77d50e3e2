"""Everything the agent needs of a machine, in one value. Tests give fakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """The ports, and who this machine says it is."""

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
