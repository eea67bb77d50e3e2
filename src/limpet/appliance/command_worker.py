"""The process that serves the guest shell's requests for commands, beside the supervisor, which may not wait for anybody.

    limpet.appliance.command_worker [--config FILE] [--set NAME=VALUE …]

The supervisor starts it (`Children.start`, with its own options) and it ends with the supervisor; it needs no other input.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from limpet.appliance.command_desk import LOG, CommandDesk, Rights
from limpet.appliance.networkos.drivers import network_os
from limpet.config.load import load_config
from limpet.guest.command_policy import CommandPolicy
from limpet.guest.command_protocol import SOCKET
from limpet.guest.fabric_lease import EXCHANGE
from limpet.host.clock import RealClock
from limpet.host.command_socket import CommandSocket
from limpet.host.commands import RealCommands
from limpet.host.files import RealFiles
from limpet.host.log import FileLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.config.settings import Config

_STEP = 5.0


class _Ended(BaseException):
    """This process is asked to end."""


def main(arguments: Sequence[str]) -> int:
    """Serve until told to end. Raises: ConfigurationError, HostError."""
    config = _config(arguments)
    files, clock, commands = RealFiles(), RealClock(), RealCommands()
    if files.info(LOG) is None:
        files.replace(LOG, b"", mode=0o600, durable=False)
    files.make_folder(EXCHANGE)
    signal.signal(signal.SIGTERM, _end)
    channel = CommandSocket(EXCHANGE / SOCKET, clock, group=config.commands_group)
    desk = CommandDesk(
        channel,
        rights(config),
        network_os(config, files).command,
        commands=commands,
        clock=clock,
        log=FileLog(LOG, files=files, clock=clock),
    )
    try:
        while True:
            desk.step(_STEP)
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

    parser = argparse.ArgumentParser(prog="limpet.appliance.command_worker")
    add_options(parser)
    options = parser.parse_args(list(arguments))
    return load_config(RealFiles(), path=options.config, options=options.set)


def _end(*_: object) -> None:
    raise _Ended
