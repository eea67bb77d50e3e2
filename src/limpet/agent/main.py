"""`limpet agent`: reads the configuration, finds the fabric, and becomes the resident agent.

What is needed only for that (the settings table, TOML, lease files) would stay in memory for good. So this program replaces
itself, in its own process, by `resident`, and leaves it what it needs in a file in memory (`running`).
Decision: docs/decisions/0006-memory.md.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.agent.endpoint import Endpoint, find_endpoint
from limpet.agent.running import HEAPS, Running
from limpet.agent.whereabouts import brief_here
from limpet.config.load import load_config
from limpet.guest.fabric_lease import EXCHANGE
from limpet.host.clock import RealClock
from limpet.host.files import RealFiles
from limpet.host.http import PlainHttp
from limpet.host.lock import SingleInstance
from limpet.host.log import open_log
from limpet.host.worker import interpreter_command
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from limpet.config.load import Config
    from limpet.guest.shell_brief import ShellBrief
    from limpet.host.ports import Files, Log

DISABLED = "disable_agent"
EPILOG = """\
examples:
  limpet agent --config /etc/limpet.toml
  limpet agent --status-only --saying 'handover pending'     what an appliance's supervisor starts before a handover

exit codes: 0 ended by a signal, 1 cannot start or a task failed, 2 wrong
usage or configuration, 3 already running, or the right to talk to the fabric
is another stage's, 4 that right was lost
"""


def parser() -> ArgumentParser:
    """The command line of the agent."""
    import argparse  # noqa: PLC0415 - the service starts the agent without arguments, and this stays resident

    from limpet.config.options import add_options  # noqa: PLC0415

    made = argparse.ArgumentParser(
        prog="limpet agent",
        description="Follow the fabric's goal state: run VM extensions and report status, until told to stop.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--status-only", action="store_true",
        help="only report, for an appliance's supervisor: nothing is run or installed",
    )  # fmt: skip
    made.add_argument("--saying", metavar="TEXT", help="with --status-only: the agent's own message")
    made.add_argument(
        "--state", choices=("Ready", "NotReady"), default="Ready", help="with --status-only: the agent's own state"
    )  # fmt: skip
    made.add_argument(
        "--holder", choices=("status-only",), default="status-only", help="the fabric lease's holder that it is"
    )  # fmt: skip
    made.add_argument(
        "--exchange", type=Path, metavar="FOLDER", help=f"the exchange folder instead of {EXCHANGE}"
    )
    made.add_argument(
        "--handlers", type=Path, metavar="FOLDER", help="where handlers' records are, instead of the guest shell's"
    )  # fmt: skip
    add_options(made)
    return made


def configuration(argv: Sequence[str]) -> tuple[Config, Namespace | None]:
    """The configuration, as the command line has it, and its options. Exits with 2 for what it does not understand."""
    if not argv:
        return load_config(RealFiles()), None
    known = parser()
    options = known.parse_args(argv)
    if options.status_only != (options.saying is not None):
        known.error("--status-only and --saying TEXT go together")
    return load_config(RealFiles(), path=options.config, options=options.set), options


def main(argv: Sequence[str] = ()) -> int:
    """Run the agent in the foreground. Only a status-only one returns; the resident agent's exit code is this process's.

    Raises: ConfigurationError; AlreadyRunning, also where the supervisor of an appliance lets another stage talk to the fabric;
    HostError, when it is not known which stage this is; FabricError, when no endpoint answers.
    """
    config, options = configuration(argv)
    if options is not None and options.status_only:
        from limpet.agent import status_main  # noqa: PLC0415 - only an appliance's supervisor starts it

        return status_main.run(config, options)
    brief = brief_here(config, RealFiles())
    log = open_log(config.log_file)
    with SingleInstance(config.lock) as lock:
        if (config.library / DISABLED).exists():
            _stand_by(config, log)
        write_pid(config, RealFiles(), log)
        for note in config.notes:
            log.warning("configuration.note", note=note)
        running = _plain(config, log) if brief is None else in_shell(config, brief)
        lock.hand_down()
        return become_resident(running, fips=config.fips)


def _plain(config: Config, log: Log) -> Running:
    """On a machine of our own: the fabric is looked for, and told what the boot stage owes. Raises: FabricUnreachable."""
    http = PlainHttp(user_agent=config.user_agent)
    endpoint = find_endpoint(config, http, RealFiles(), RealClock(), log)
    _say_ready(config, endpoint, http, log)
    return Running.of(config, wire_server=endpoint.wire_server, host_plugin=endpoint.host_plugin)


def in_shell(config: Config, brief: ShellBrief) -> Running:
    """In a guest shell: by the brief alone. Nobody is asked anything yet: the right to it has not been granted."""
    endpoint = Endpoint(
        address=config.fabric_endpoint or brief.wire_server,
        origin="the supervisor",
        wire_port=config.fabric_wire_port,
        host_plugin_port=config.fabric_host_plugin_port,
    )
    return Running.of(
        config,
        wire_server=endpoint.wire_server,
        host_plugin=endpoint.host_plugin,
        shell=brief.stage,
        owes_ready=not brief.ready,
    )


def write_pid(config: Config, files: Files, log: Log) -> None:
    """Write the process id where the configuration asks for it. The agent goes on without it."""
    if config.pid_file is None:
        return
    try:
        files.replace(config.pid_file, str(os.getpid()).encode(), durable=False)
    except HostError as error:
        log.warning("pid_file.unwritable", problem=error)


def _stand_by(config: Config, log: Log) -> NoReturn:
    """The platform was asked for a VM without an agent: live, and do nothing. Source: guest-setup.md §A.17."""
    import signal  # noqa: PLC0415

    log.warning(
        "agent.disabled",
        file=config.library / DISABLED,
        remedy="remove the file and restart the agent to have extensions again",
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        signal.pause()


def _say_ready(config: Config, endpoint: Endpoint, http: PlainHttp, log: Log) -> None:
    """Say what the boot stage owes, where it owes anything and this machine is the agent's own."""
    from limpet.agent import ready  # noqa: PLC0415 - nothing of it stays
    from limpet.agent.fabric import Fabric  # noqa: PLC0415
    from limpet.host.chance import RealRandom  # noqa: PLC0415
    from limpet.host.commands import RealCommands  # noqa: PLC0415

    files, clock = RealFiles(), RealClock()
    if not ready.is_owed(files, RealCommands(), config.library):
        return
    fabric = Fabric(
        http, clock, RealRandom(), wire_server=endpoint.wire_server, host_plugin=endpoint.host_plugin
    )
    ready.say(fabric, http, files, clock, log)


def become_resident(running: Running, *, fips: bool = False) -> NoReturn:
    """Replace this program by the resident agent, which reads `running` from a file in memory."""
    descriptor = os.memfd_create("limpet-running", 0)
    os.write(descriptor, running.render())
    command = interpreter_command("limpet.agent.resident", str(descriptor))
    # Without the columns of source lines, and with one heap for all threads: 0.2 MB less.
    lean = [command[0], "-X", "no_debug_ranges", *command[1:]]
    os.execve(lean[0], lean, environment(os.environ, fips=fips))  # noqa: S606 - our own interpreter, our own arguments


def environment(given: Mapping[str, str], *, fips: bool) -> dict[str, str]:
    """The resident agent's, and so of all that it starts: with `fips` openssl and handlers find OPENSSL_FIPS=1.

    Source: guest-setup.md §G.2.
    """
    return {**given, HEAPS: "1", **({"OPENSSL_FIPS": "1"} if fips else {})}
