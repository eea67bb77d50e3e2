"""This machine, for the commands that change it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from limpet.host.apply import Interpreter
from limpet.host.clock import RealClock
from limpet.host.commands import RealCommands
from limpet.host.devices import RealDevices
from limpet.host.files import RealFiles
from limpet.host.kernel import RealKernel
from limpet.model.errors import HostError

if TYPE_CHECKING:
    import argparse


def interpreter() -> Interpreter:
    """What applies plans here."""
    return Interpreter(
        files=RealFiles(),
        commands=RealCommands(),
        devices=RealDevices(),
        kernel=RealKernel(),
        clock=RealClock(),
    )


def require_root(options: argparse.Namespace) -> None:
    """Raises: HostError, when somebody else than root wants to change something."""
    if os.geteuid() != 0 and not options.dry_run:
        raise HostError("only root can do this; --dry-run shows what would be done")
