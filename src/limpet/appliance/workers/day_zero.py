"""Gives the custom data to the network OS, while the boot stage waits: once for each VM id, under a lock (§1.4).

A worker that boot starts: what was asked for comes on its standard input, and what it complains of goes to boot's log of it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.inventory import survey
from limpet.appliance.networkos.drivers import network_os
from limpet.config.load import load_config
from limpet.config.options import add_options
from limpet.guest.day_zero_request import LARGEST, parse_request
from limpet.guest.translation import DayZero
from limpet.host.apply import Interpreter
from limpet.host.clock import RealClock
from limpet.host.commands import RealCommands
from limpet.host.devices import RealDevices
from limpet.host.facts import custom_data, leases, namespaces
from limpet.host.files import RealFiles
from limpet.host.kernel import RealKernel
from limpet.host.lock import SingleInstance
from limpet.model.errors import LimpetError
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.config.settings import Config
    from limpet.guest.site import Site
    from limpet.host.ports import Commands, Files

LOCK = Path("/run/limpet/day-zero.lock")
_FAILED = 1


def main(arguments: Sequence[str]) -> int:
    """Do it; arguments: ``--config FILE`` and ``--set NAME=VALUE``. Gives the exit code; what is wrong is on standard error."""
    try:
        vm_id, environment = parse_request(sys.stdin.buffer.read(LARGEST))
        files, commands = RealFiles(), RealCommands()
        config = _configuration(files, arguments)
        files.make_folder(LOCK.parent)
        with SingleInstance(LOCK, who="the network OS's day 0"):
            day_zero = DayZero(
                vm_id=vm_id,
                environment=environment,
                made_for=custom_data.translated_for(files),
                site=_site(config, files, commands),
            )
            tasks = network_os(config, files).day_zero(day_zero)
            interpreter = Interpreter(
                files=files, commands=commands, devices=RealDevices(), kernel=RealKernel(), clock=RealClock()
            )
            failed = [each for each in interpreter.apply(tasks) if each.failed]
    except LimpetError as error:
        sys.stderr.write(redacted(f"{error}\n"))
        return _FAILED
    for each in failed:
        sys.stderr.write(redacted(f"{each.describe()}\n"))
    return _FAILED if failed else 0


def _configuration(files: Files, arguments: Sequence[str]) -> Config:
    """As the supervisor was configured. Raises: ConfigurationError."""
    made = argparse.ArgumentParser(prog="day-zero")
    add_options(made)
    options = made.parse_args(arguments)
    return load_config(files, path=options.config, options=options.set)


def _site(config: Config, files: Files, commands: Commands) -> Site | None:
    """The NICs as Linux has them now; None where they cannot be looked at yet."""
    try:
        seen = namespaces.look(files, commands, ())
        return survey(config, leases.saved_lease(files), seen, RealKernel().host_name())
    except LimpetError:
        return None
