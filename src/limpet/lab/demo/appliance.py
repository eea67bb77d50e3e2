"""`limpet lab demo`: a network appliance on this machine, its handover to a network OS, and what it survives, as it happens."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from functools import partial
from shutil import which
from typing import TYPE_CHECKING

from limpet import __version__
from limpet.lab import requirements
from limpet.lab.appliance.sources import watched
from limpet.lab.appliance.stage import Plot, stage, tend
from limpet.lab.commands import LabError, own_command
from limpet.lab.demo.appliance_run import ApplianceRun
from limpet.lab.demo.appliance_show import MARK, appliance_show
from limpet.lab.demo.appliance_story import HANDLERS, Surprise, tell
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
from limpet.lab.timeline.sources import fabric_events
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.lab.appliance.room import Appliance
    from limpet.lab.demo.appliance_show import ApplianceShow
    from limpet.lab.requirements import Lack

LACKS = partial(requirements.lacks, appliances=True)
REQUESTS = 15

EPILOG = f"""\
example:
  sudo limpet lab demo
  sudo limpet lab demo --json | jq 'select(.type == "gap")'

{EXIT_CODES}
"""


def main(argv: Sequence[str] = (), *, lacks: Callable[[], Sequence[Lack]] = LACKS) -> int:
    """Run the demo. Gives the exit code. lacks: what this machine has not. Raises: LabError."""
    options = parser().parse_args(argv)
    if lacking("The demo", lacks()):
        return LACKING
    plot = Plot(driver="frr", runtime="lxc", nics=3, handlers=HANDLERS)
    show = appliance_show(sys.stdout, as_json=options.json, driver="FRRouting", runtime="LXC")
    with signals():
        return _demo(show, plot, stays=at_a_terminal() and not (options.no_wait or options.json))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet lab demo",
        description=(
            "Run a fabric and a network appliance in namespaces of this machine, with FRRouting and LXC; show how its NICs "
            "go to the network OS, the agent to the guest shell, and what happens when something dies. Nothing can leave "
            "them, and nothing stays."
        ),
        epilog=EPILOG,
        formatter_class=Help,
    )
    made.add_argument("--json", action="store_true", help="tell it as JSON lines, for programs")
    made.add_argument("--no-wait", action="store_true", help="end at once, on a terminal too")
    return made


def _demo(show: ApplianceShow, plot: Plot, *, stays: bool) -> int:
    with ExitStack() as stack:
        with show.busy("setting up"):
            made = stack.enter_context(stage(plot, show.note))
        show.note(introduction(made))
        run = ApplianceRun(show, vm=made.name, nics=tuple(card.name for card in made.cards))
        surprise = Surprise(made.name)
        admin = made.emulator.admin
        stack.enter_context(fabric_events(admin, run.take_event))
        stack.enter_context(watched(made.machine, admin, run.take_record, surprise.react))
        try:
            tell(made, run, surprise)
        except LabError as error:
            show.failure(str(error), evidence(made))
            return FAILED
        if stays:
            show.note(hints(made, plot))
            with show.alive():
                until_enter(run, lambda: tend(made))
    return 0


def introduction(made: Appliance) -> str:
    """What is there to see."""
    return (
        f"A network appliance (Debian 12, limpet {__version__}) and a fabric, in namespaces of this machine without a way out.\n"
        f"The same live in a browser: {made.emulator.page}\n"
        f"Times are seconds since power on; {MARK} marks who may talk to the fabric, * the primary NIC."
    )


def hints(made: Appliance, plot: Plot) -> str:
    """How to look around, for who is root."""
    console = "vtysh -N limpet-nos" if plot.driver == "frr" else "ip -n limpet-nos route"
    return (
        "\nEverything is still there. To look around, as root in another terminal:\n"
        f"  export LIMPET_EMULATOR=unix:{made.emulator.admin}\n"
        f"  {own_command(sys.argv[0], found=which('limpet') is not None)} emulator publish Limpet.Sample.Hello"
        ' --settings \'{"greeting": "Hi"}\'\n'
        f"  nsenter --target {made.machine.init} --all bash     # Linux in the appliance; there:\n"
        "    limpet show; limpet appliance history; limpet guestshell run journalctl -u limpet-agent\n"
        f"    {console}\n"
        "Press Enter to end."
    )


def evidence(made: Appliance) -> dict[str, list[str]]:
    """What may explain a failure: the last requests, records of the journal, and lines of the logs."""
    found = {}
    try:
        requests = made.world.requests(made.name)[-REQUESTS:]
        found["its last requests"] = [
            f"{request['method']} {request['target']} → {request['status']}" for request in requests
        ]
        if not made.machine.running:
            found["its console"] = tail_of(made.machine.last_words())
            return found
        found["its journal"] = tail_of(made.run(["limpet", "appliance", "history"]).stdout)
        log = ["journalctl", "--no-pager", "--output", "short-precise", "--unit", "limpet-appliance"]
        found["the supervisor's log"] = tail_of(made.run(log).stdout)
        inside = ["limpet", "guestshell", "run", "journalctl", "--no-pager", "--unit", "limpet-agent"]
        found["the agent's log"] = tail_of(made.run(inside).stdout)
    except LabError as error:
        found["what cannot be asked any more"] = [str(error)]
        found["what the emulator printed"] = tail_of(
            made.emulator.log.read_text(encoding="utf-8", errors="backslashreplace")
        )
    return found
