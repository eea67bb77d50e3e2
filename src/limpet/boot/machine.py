"""Everything the boot stage needs of a machine, in one value of ports. Tests give a fake machine's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.host.apply import Interpreter

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.guest.passwords import Crypt
    from limpet.host.ports import (
        Clock,
        Commands,
        Devices,
        Files,
        Http,
        Kernel,
        KeyValues,
        Links,
        Log,
        Lookout,
        Random,
        Vault,
    )


def in_turn(first: Callable[[], None], second: Callable[[], None]) -> None:
    """Do one thing, then the other: what machines without threads (tests, simulations) do."""
    first()
    second()


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """The ports. side_by_side: does two things that do not need each other, at once where it can."""

    files: Files
    commands: Commands
    devices: Devices
    kernel: Kernel
    links: Links
    http: Http
    vault: Vault
    key_values: KeyValues
    lookout: Lookout
    crypt: Crypt
    clock: Clock
    chance: Random
    log: Log
    side_by_side: Callable[[Callable[[], None], Callable[[], None]], None] = in_turn

    @property
    def interpreter(self) -> Interpreter:
        """What applies plans to this machine."""
        return Interpreter(
            files=self.files,
            commands=self.commands,
            devices=self.devices,
            kernel=self.kernel,
            clock=self.clock,
        )
