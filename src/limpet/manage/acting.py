"""This machine, for the commands that change it."""

from __future__ import annotations

from limpet.host.apply import Interpreter
from limpet.host.clock import RealClock
from limpet.host.commands import RealCommands
from limpet.host.devices import RealDevices
from limpet.host.files import RealFiles
from limpet.host.kernel import RealKernel


def interpreter() -> Interpreter:
    """What applies plans here."""
    return Interpreter(
        files=RealFiles(),
        commands=RealCommands(),
        devices=RealDevices(),
        kernel=RealKernel(),
        clock=RealClock(),
    )
