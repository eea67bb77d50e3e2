"""Everything the supervisor needs of a machine, in one value of ports. Tests give a fake machine's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.host.apply import Interpreter

if TYPE_CHECKING:
    from limpet.host.appliance_ports import Children, FabricLock, JournalFile, Surroundings
    from limpet.host.ports import Clock, Commands, Devices, Files, Kernel, Log, Random


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """The ports. There is none to the fabric: the supervisor never talks to it."""

    files: Files
    commands: Commands
    devices: Devices
    kernel: Kernel
    children: Children
    surroundings: Surroundings
    fabric_lock: FabricLock
    journal: JournalFile
    clock: Clock
    chance: Random
    log: Log

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
