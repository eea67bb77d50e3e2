"""`limpet guestshell`: what an operator does with the guest shell by hand. Where a supervisor runs, it is told and does it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from limpet.appliance.commands.guestshell_deeds import Deeds, Here, network_task
from limpet.appliance.commands.guestshell_parser import parser as parser  # noqa: PLC0414 - the table of verbs asks here
from limpet.appliance.commands.guestshell_words import as_text, found, say_json, say_plan, told, told_json
from limpet.appliance.guest import images, upgrade
from limpet.appliance.guest.wanted import Wanted, noting, wanted
from limpet.config.load import load_config
from limpet.host.commands import ENVIRONMENT
from limpet.model.errors import ConfigurationError, HostError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from limpet.appliance.guest.contract import ShellSight
    from limpet.config.settings import Config
    from limpet.guest.steps import Task

NOT_RUNNING = 4
NO_COMMAND = "there is no command to run: limpet guestshell run -- CMD [ARGUMENT ...]"


def main(arguments: Sequence[str]) -> int:
    """Do one of the commands; gives the exit code. Raises: ConfigurationError; AlreadyRunning; HostError."""
    options = parser().parse_args(arguments)
    if options.command == "build":
        from limpet.appliance.commands.guestshell_build import build  # noqa: PLC0415 - an appliance does not build

        return build(options)
    here = Here.this_machine()
    config = load_config(here.files, path=options.config, options=options.set)
    if options.command == "run" and not _asked_for(options):
        raise ConfigurationError(NO_COMMAND)
    if os.geteuid() != 0 and not getattr(options, "dry_run", False):
        shown = "; --dry-run shows what would be done" if hasattr(options, "dry_run") else ""
        raise HostError(f"only root can look into the guest shell or change it{shown}")
    return run(options, config, here, become)


def run(
    options: argparse.Namespace, config: Config, here: Here, execute: Callable[[Sequence[str]], int]
) -> int:
    """The command on any machine. execute: replaces this process. Raises: ConfigurationError; AlreadyRunning; HostError."""
    deeds = Deeds(here, config)
    if options.command == "status":
        return _status(options, deeds)
    if options.command == "run":
        return _run(options, deeds, execute)
    if options.dry_run:
        tasks = _planned(options, deeds)
        say_plan(tasks, as_json=options.json)
        return 0
    tell, outcomes = told_json() if options.json else (told, [])
    if options.command == "upgrade":
        slot = deeds.upgrade(options.file.absolute(), tell)
        said = f"The image is in slot {slot}; it is tried from the guest shell's next start on."
    elif options.command == "enable":
        said = deeds.enable(tell)
    elif options.command == "disable":
        said = deeds.disable(tell)
    else:
        said = deeds.destroy(tell, everything=options.all)
    if options.json:
        say_json({"said": said, "outcomes": outcomes})
    else:
        sys.stdout.write(f"{said}\n")
    return 0


def _status(options: argparse.Namespace, deeds: Deeds) -> int:
    known = found(deeds)
    if options.json:
        say_json(known)
    else:
        sys.stdout.write(as_text(known))
    return 0 if known["running"] or known["wanted"] == Wanted.DISABLED.value else NOT_RUNNING


def _run(options: argparse.Namespace, deeds: Deeds, execute: Callable[[Sequence[str]], int]) -> int:
    argv = _asked_for(options)
    if not argv:
        raise ConfigurationError(NO_COMMAND)
    sight = deeds.look()
    if not sight.running:
        sys.stderr.write(
            f"limpet guestshell: it does not run{_why(sight)}. Start it with: limpet guestshell enable\n"
        )
        return NOT_RUNNING
    return execute(deeds.runtime.enter(deeds.plan(sight.instance or ""), sight, argv))


def _asked_for(options: argparse.Namespace) -> list[str]:
    argv: list[str] = options.argv
    return argv[1:] if argv[:1] == ["--"] else argv


def _why(sight: ShellSight) -> str:
    return "" if sight.problem is None else f": {sight.problem}"


def become(argv: Sequence[str]) -> int:
    """Become another program: terminal, streams, signals and exit code are its own from then on. Raises: HostError."""
    environment = {**ENVIRONMENT, "TERM": os.environ.get("TERM", "dumb")}
    sys.stdout.flush()
    for descriptor in range(3):
        os.set_inheritable(descriptor, True)  # also one that was closed, and is the null device now
    try:
        os.execvpe(argv[0], list(argv), environment)  # noqa: S606 - an argument vector, no shell
    except OSError as error:
        raise HostError(f"{argv[0]} cannot be started: {error.strerror}") from error


def _planned(options: argparse.Namespace, deeds: Deeds) -> tuple[Task, ...]:
    """What would be done now, if no supervisor did it."""
    sight = deeds.look()
    plan, runtime = deeds.plan("a new one"), deeds.runtime
    if options.command == "upgrade":
        upgrade.check_source(deeds.here.files, options.file.absolute())
        return images.plan_place(options.file.absolute(), images.read_slots(deeds.here.files))
    if options.command == "enable":
        if sight.running:
            return ()
        plan = deeds.startable("a new one")
        network = network_task(plan, deeds.here.files)
        return (
            _noted(Wanted.ENABLED, deeds), *network, *runtime.stop(plan, sight), *runtime.prepare(plan, sight),
            *runtime.start(plan, sight),
        )  # fmt: skip
    ending = (_noted(Wanted.DISABLED, deeds), *runtime.stop(plan, sight))
    if options.command == "disable":
        return ending
    return (*ending, *(runtime.destroy(plan, sight) if options.all else runtime.reset(plan, sight)))


def _noted(state: Wanted, deeds: Deeds) -> Task:
    from limpet.guest.steps import Task as Made  # noqa: PLC0415

    steps = () if wanted(deeds.here.files) is state else noting(state)
    return Made(name="guest-wanted", purpose=f"note that the guest shell is {state.value}", steps=steps)
