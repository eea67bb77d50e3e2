"""The process that serves the guest shell's requests for commands, beside the supervisor, which may not wait for anybody.

    limpet.appliance.requests.worker DESCRIPTOR [--config FILE] [--set NAME=VALUE …]

DESCRIPTOR: of the listening socket, inherited from `requests.door`, which starts this one when somebody knocks. It ends when
nobody has wanted anything for a while, and when it is told to.
"""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

from limpet.appliance.networkos.drivers import network_os
from limpet.appliance.requests.desk import LOG, CommandDesk, Rights
from limpet.config.load import load_config
from limpet.guest.command_policy import CommandPolicy
from limpet.host.clock import RealClock
from limpet.host.command_socket import CommandSocket
from limpet.host.commands import RealCommands
from limpet.host.files import RealFiles
from limpet.host.log import FileLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.config.settings import Config

IDLE = 60.0
"""Seconds without anybody after which it ends."""
_STEP = 5.0


class _Ended(BaseException):
    """This process is asked to end."""


def main(arguments: Sequence[str]) -> int:
    """Serve. Raises: ConfigurationError, HostError."""
    signal.signal(signal.SIGTERM, _end)
    descriptor, *options = arguments
    config = _config(options)
    files, clock, commands = RealFiles(), RealClock(), RealCommands()
    if files.info(LOG) is None:
        files.replace(LOG, b"", mode=0o600, durable=False)
    desk = CommandDesk(
        CommandSocket(socket.socket(fileno=int(descriptor)), clock),
        rights(config),
        network_os(config, files).command,
        commands=commands,
        clock=clock,
        log=FileLog(LOG, files=files, clock=clock),
    )
    try:
        until = clock.monotonic() + IDLE
        while clock.monotonic() < until:
            desk.step(_STEP)
            if not desk.quiet:
                until = clock.monotonic() + IDLE
    except (_Ended, KeyboardInterrupt):
        commands.end_all()
    desk.close()
    return 0


def rights(config: Config) -> Rights:
    """Who may ask for what, by the settings."""
    return Rights(
        users=frozenset({config.commands_root}),
        group=config.commands_group,
        policy=CommandPolicy(allow=config.commands_allow, deny=config.commands_deny),
        timeout=config.commands_timeout,
    )


def _config(arguments: Sequence[str]) -> Config:
    """Raises: ConfigurationError."""
    if not arguments:
        return load_config(RealFiles())
    import argparse  # noqa: PLC0415 - it takes a while to load, and stays

    from limpet.config.options import add_options  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="limpet.appliance.requests.worker")
    add_options(parser)
    options = parser.parse_args(list(arguments))
    return load_config(RealFiles(), path=options.config, options=options.set)


def _end(*_: object) -> None:
    raise _Ended
