"""`limpet appliance`: the supervisor, what it would do, and an operator's word to it."""

from __future__ import annotations

import gc
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from limpet import packed
from limpet.appliance.appliance import WISH, Appliance
from limpet.appliance.chosen import chosen, read_apart
from limpet.appliance.guest.runtimes import runtime
from limpet.appliance.journal import Journal
from limpet.appliance.machine import Machine
from limpet.appliance.networkos.drivers import network_os
from limpet.appliance.states import State
from limpet.guest.fabric_lease import EXCHANGE, LOCK
from limpet.host.chance import RealRandom
from limpet.host.children import RealChildren
from limpet.host.clock import RealClock
from limpet.host.commands import RealCommands
from limpet.host.devices import RealDevices
from limpet.host.fabric_lock import RealFabricLock
from limpet.host.files import RealFiles
from limpet.host.journal_file import RealJournalFile
from limpet.host.kernel import RealKernel
from limpet.host.lock import SingleInstance, is_held
from limpet.host.log import open_log
from limpet.host.service_manager import tell
from limpet.host.surroundings import RealSurroundings
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Sequence

    from limpet.config.load import Config
    from limpet.host.ports import Files, Log

JOURNAL = Path("/var/lib/limpet/journal")
DAMAGED = Path("/var/lib/limpet/journal.damaged")
"""The last journal that was damaged, as it was found."""
ASIDE = Path("/run/limpet/journal")
"""Where the journal is kept while the disk takes nothing."""
SUPERVISOR = Path("/run/limpet/appliance.lock")
EPILOG = """\
example:
  limpet appliance plan
  limpet appliance run --set appliance.network_os=frr

exit codes: 0 ended by a signal (run) or shown (plan), 1 cannot go on, 2 wrong
usage or configuration, 3 already running
"""


def parser() -> ArgumentParser:
    """The command line."""
    import argparse  # noqa: PLC0415 - the supervisor, which stays in memory, does without

    from limpet.config.options import add_options  # noqa: PLC0415

    made = argparse.ArgumentParser(
        prog="limpet appliance",
        description="Hand the NICs to a network OS, and have the agent go on in a guest shell behind it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(metavar="COMMAND", required=True, dest="command")
    for name, about in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=about,
            description=about,
            epilog=EPILOGS[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_options(command)
        if name == "plan":
            command.add_argument("--json", action="store_true", help="for programs")
        elif name == "run":
            command.add_argument("--dry-run", action="store_true", help="show the plan instead; do nothing")
        elif name == "history":
            command.add_argument(
                "--json", action="store_true", help="for programs: each record is a line of JSON"
            )
    return made


COMMANDS = {
    "run": "Supervise in the foreground: boot, handover, guest shell, and whatever goes wrong.",
    "plan": "Show what a handover would do on this machine, every move with its opposite; do nothing.",
    "history": "Show the journal: what the supervisor noted, and when.",
    "retry": "Tell the supervisor to try the handover again, after it gave up.",
}

EPILOGS = {
    "run": """\
example:
  limpet appliance run --set appliance.network_os=frr

exit codes: 0 ended by a signal, 1 cannot go on, 2 wrong usage or
configuration, 3 already running
""",
    "plan": """\
example:
  limpet appliance plan --set appliance.network_os=kernel

exit codes: 0 shown, 1 nothing can be planned here, also when the NICs are
handed over, 2 wrong usage or configuration
""",
    "history": """\
example:
  limpet appliance history --json | jq -r 'select(.kind == "state") | .facts.state'

exit codes: 0 shown, 1 there is no journal or it cannot be read, 2 wrong usage
""",
    "retry": """\
example:
  limpet appliance retry

exit codes: 0 the supervisor was told, 1 none runs, 2 wrong usage
""",
}


def main(argv: Sequence[str] = ()) -> int:
    """Do one of the commands. Raises: ConfigurationError; AlreadyRunning; HostError."""
    if argv[:1] == ["run"] and os.geteuid() == 0:
        found = read_apart(lambda: _chosen(argv))
        if found is not None:
            return _run(found, found.words)  # type: ignore[arg-type] # it looks like one
    options = parser().parse_args(argv)
    if options.command == "retry":
        return _retry()
    if options.command == "history":
        told: int = import_module("limpet.appliance.commands.history").show(
            RealFiles(), JOURNAL, as_json=options.json
        )
        return told
    from limpet.config.load import load_config  # noqa: PLC0415 - see above
    from limpet.config.options import given  # noqa: PLC0415

    config = load_config(RealFiles(), path=options.config, options=options.set)
    if options.command == "plan" or options.dry_run:
        shown: int = import_module("limpet.appliance.commands.plan").show(
            config,
            RealFiles(),
            RealCommands(),
            RealKernel(),
            as_json=options.command == "plan" and options.json,
        )
        return shown
    if os.geteuid() != 0:
        raise HostError(
            "only root can hand over this machine's NICs; `limpet appliance plan` shows what would be done"
        )
    return _run(config, given(options))


def _chosen(argv: Sequence[str]) -> bytes:
    """Raises: ValueError, where the supervisor is not to be started; what else `main` raises."""
    from limpet.config.load import load_config  # noqa: PLC0415
    from limpet.config.options import again, alone  # noqa: PLC0415

    known = alone(argv[1:])
    if known is None:
        raise ValueError("this is for a person")
    path, settings = known
    config = load_config(RealFiles(), path=path, options=settings)
    values = {name: getattr(config, name) for name in config.__dataclass_fields__ if name != "origins"}
    return chosen({**values, "words": again(path, settings)})


def _run(config: Config, words: Sequence[str]) -> int:
    from limpet.appliance.supervisor import run  # noqa: PLC0415 - a plan does without

    files = RealFiles()
    files.make_folder(SUPERVISOR.parent)
    with SingleInstance(SUPERVISOR, who="limpet appliance"):
        log = open_log(config.log_file)
        clock = RealClock()
        machine = Machine(
            files=files,
            commands=RealCommands(),
            devices=RealDevices(),
            kernel=RealKernel(),
            children=RealChildren(clock),
            surroundings=RealSurroundings(clock),
            fabric_lock=RealFabricLock(EXCHANGE / LOCK, clock),
            journal=RealJournalFile(files, JOURNAL),
            clock=clock,
            chance=RealRandom(),
            log=log,
        )
        for note in config.notes:
            log.warning("configuration.note", note=note)
        journal = Journal(machine.journal, RealJournalFile(files, ASIDE), RealJournalFile(files, DAMAGED))
        tell_of(journal, log)
        driver, container = network_os(config, files), runtime(config.runtime, files)
        if (problem := packed.lack()) is not None:
            log.info("start.slow", problem=problem, remedy=packed.REMEDY)
        packed.end()  # it stays in memory, and has what it needs
        gc.collect()
        gc.freeze()
        gc.enable()
        run(Appliance(machine, config, driver, container, journal, words), entered=_tell)
    return 0


def tell_of(journal: Journal, log: Log) -> None:
    """What was wrong with it, and what that means."""
    if journal.unreadable is not None:
        log.error(
            "journal.unreadable",
            problem=journal.unreadable,
            remedy="none needed: it is begun anew, and what the network OS has is looked for",
        )
    for each in journal.damage:
        log.error(
            "journal.damaged",
            byte=each.start,
            bytes=each.size,
            lost=each.missing,
            kept=DAMAGED if journal.kept else "nowhere: the disk does not take it",
            remedy="none needed: what is whole is believed, and what may be missing is looked for on the machine; look after the disk",
        )
    if journal.dropped:
        log.warning(
            "journal.cut",
            bytes=journal.dropped,
            remedy="none needed: it was being written when the power went",
        )


def _tell(state: State) -> None:
    """What waits for this service starts when the boot stage has ended, however."""
    words = f"STATUS={state.value}: {state.words}"
    tell(words if state is State.BOOTING else f"READY=1\n{words}")


def _retry() -> int:
    """Raises: HostError, when no supervisor runs."""
    if os.geteuid() != 0:
        raise HostError("only root can tell the supervisor to try again")
    files = RealFiles()
    process = supervisor(SUPERVISOR, files)
    if process is None:
        raise HostError("no supervisor runs here: start it with `limpet appliance run`")
    files.replace(EXCHANGE / WISH, b"retry\n", durable=False)
    try:
        os.kill(process, signal.SIGUSR1)
    except ProcessLookupError:
        raise HostError("the supervisor has just ended: start it with `limpet appliance run`") from None
    sys.stdout.write("The supervisor was told to try again; `limpet show` says how it goes.\n")
    return 0


def supervisor(lock: Path, files: Files) -> int | None:
    """The process that holds the supervisor's lock, if that is a supervisor: a note of one that was killed says nothing.

    Raises: HostError, when it cannot be looked at.
    """
    if not is_held(lock):
        return None
    note = files.read(lock, at_most=4096).decode("utf-8", "replace").strip()
    process = note.rpartition(" ")[2]
    return int(process) if note.startswith("limpet appliance") and process.isdecimal() else None
