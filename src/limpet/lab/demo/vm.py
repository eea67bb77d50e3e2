"""`limpet lab demo-vm`: a fabric and a VM on this machine, the agent in it, and what they do, as it happens."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from functools import partial
from shutil import which
from typing import TYPE_CHECKING

from limpet import __version__
from limpet.lab import requirements
from limpet.lab.agents import LIMPET
from limpet.lab.commands import LabError, own_command
from limpet.lab.demo.life import (
    EXIT_CODES,
    FAILED,
    LACKING,
    at_a_terminal,
    lacking,
    signals,
    tail_of,
    until_enter,
)
from limpet.lab.demo.run import Run
from limpet.lab.demo.stage import VM, WITHOUT_DRIVES, Stage, stage
from limpet.lab.demo.vm_story import HANDLERS, tell
from limpet.lab.timeline import boot
from limpet.lab.timeline.show import JsonLines, for_people
from limpet.lab.timeline.sources import fabric_events
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.lab.requirements import Lack
    from limpet.lab.timeline.show import Show

INTRODUCTION = (
    "A fabric and a VM on this machine, in namespaces without a way out. The VM is new, from an image of Debian 12 with "
    f"limpet {__version__}. Times are milliseconds: since the beginning, and since what the chapter counts from."
)

LACKS = partial(requirements.lacks, logins=True)
REQUESTS = 15

EPILOG = f"""\
example:
  sudo limpet lab demo-vm
  sudo limpet lab demo-vm --json | jq 'select(.type == "moment")'

{EXIT_CODES}
"""


def main(
    argv: Sequence[str] = (),
    *,
    lacks: Callable[[], Sequence[Lack]] = LACKS,
) -> int:
    """Run the demo. Gives the exit code. lacks: what this machine has not. Raises: LabError."""
    options = parser().parse_args(argv)
    if lacking("The demo", lacks()):
        return LACKING
    show = JsonLines(sys.stdout) if options.json else for_people(sys.stdout)
    stays = at_a_terminal() and not (options.no_wait or options.json)
    with signals():
        return _demo(show, stays=stays, drives=not options.no_disc)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet lab demo-vm",
        description=(
            "Run a fabric and a new VM with systemd in namespaces of this machine; show how the VM provisions itself, "
            "and what the agent in it does with a sample handler. Nothing can leave them, and nothing stays."
        ),
        epilog=EPILOG,
        formatter_class=Help,
    )
    made.add_argument("--json", action="store_true", help="tell it as JSON lines, for programs")
    made.add_argument(
        "--no-disc",
        action="store_true",
        help="let the VM be provisioned by instance metadata, as where there are no loop devices",
    )
    made.add_argument("--no-wait", action="store_true", help="end at once, on a terminal too")
    return made


def _demo(show: Show, *, stays: bool, drives: bool) -> int:
    show.note(INTRODUCTION)
    with ExitStack() as stack:
        with show.busy("setting up"):
            made = stack.enter_context(stage(HANDLERS, show.note, drives=drives))
        if not made.drives:
            show.note(WITHOUT_DRIVES)
        run = Run(show, vm=VM, unit=LIMPET.unit)
        stack.enter_context(fabric_events(made.emulator.admin, run.take_event))
        try:
            tell(made, run, stack)
        except LabError as error:
            show.failure(str(error), _evidence(made))
            return FAILED
        if stays:
            _stay(made, run)
    return 0


def _evidence(made: Stage) -> dict[str, list[str]]:
    """What may explain a failure: the last requests, and the last lines of the boot stage's and the agent's logs."""
    found = {}
    try:
        requests = made.fabric.requests(VM)[-REQUESTS:]
        found["the VM's last requests"] = [
            f"{request['method']} {request['target']} → {request['status']}" for request in requests
        ]
        if not made.machine.running:
            found["the VM's console"] = tail_of(made.machine.last_words())
            return found
        found["the boot stage's log"] = tail_of(_boot_log(made))
        found["the agent's log"] = tail_of(LIMPET.log(made.machine))
    except LabError as error:
        found["what cannot be asked any more"] = [str(error)]
        found["what the emulator printed"] = tail_of(made.emulator.log.read_text("utf-8", "backslashreplace"))
    return found


def _boot_log(made: Stage) -> str:
    journal = ["journalctl", "--no-pager", "--output", "short-precise", "--unit", boot.UNIT]
    return made.machine.run(journal).stdout


def _stay(made: Stage, run: Run) -> None:
    limpet = own_command(sys.argv[0], found=which("limpet") is not None)
    run.show.note(
        "\nEverything is still there, and what happens is shown. To look around, as root in another terminal:\n"
        f"  export LIMPET_EMULATOR=unix:{made.emulator.admin}\n"
        f"  {limpet} emulator status\n"
        f"  {limpet} emulator publish Limpet.Sample.Hello"
        ' --settings \'{"greeting": "Hi"}\'\n'
        f"  nsenter --target {made.machine.init} --all bash     # a shell in the VM\n"
        "Press Enter to end."
    )
    run.count_from("published", again=True)
    until_enter(run)
