"""`limpet lab appliance`: a network appliance on this machine that stays until Enter, to look around in and to try things with."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from limpet.lab import requirements
from limpet.lab.appliance.nics import MOST_NICS
from limpet.lab.appliance.sources import watched
from limpet.lab.appliance.stage import Plot, stage, tend
from limpet.lab.appliance.words import gap_between_stages
from limpet.lab.commands import LabError
from limpet.lab.demo.appliance import evidence, hints, introduction
from limpet.lab.demo.appliance_run import ApplianceRun, Reached
from limpet.lab.demo.appliance_show import ApplianceShow, appliance_show
from limpet.lab.demo.life import EXIT_CODES, FAILED, LACKING, lacking, signals, until_enter
from limpet.lab.timeline.sources import fabric_events
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.lab.requirements import Lack

LACKS = partial(requirements.lacks, appliances=True)
LIMIT = 60.0
"""Seconds until it must be steady."""
HANDLERS = ("Limpet.Sample.Hello-1.0.0", "Limpet.Sample.Hello-1.1.0", "Limpet.Sample.Fails-1.0.0")
NAMES = {"frr": "FRRouting", "kernel": "kernel", "lxc": "LXC", "nspawn": "nspawn"}

HIGHEST_PORT = 65535
EPILOG = f"""\
example:
  sudo limpet lab appliance
  sudo limpet lab appliance --network-os kernel --runtime nspawn --nics 8

It goes on until Enter, or the end of the input.

{EXIT_CODES}
"""


def main(argv: Sequence[str] = (), *, lacks: Callable[[], Sequence[Lack]] = LACKS) -> int:
    """Run it. Gives the exit code. lacks: what this machine has not. Raises: LabError."""
    options = parser().parse_args(argv)
    if lacking("An appliance", lacks()):
        return LACKING
    plot = Plot(
        driver=options.network_os,
        runtime=options.runtime,
        nics=options.nics,
        handlers=HANDLERS,
        page_port=options.page_port,
    )
    show = appliance_show(
        sys.stdout, as_json=options.json, driver=NAMES[plot.driver], runtime=NAMES[plot.runtime]
    )
    with signals():
        return _room(show, plot)


def _port(text: str) -> int:
    """Raises: ArgumentTypeError."""
    if not text.isdecimal() or int(text) > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to {HIGHEST_PORT}")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet lab appliance",
        description=(
            "Run a fabric and a network appliance in namespaces of this machine, with a page that shows them; tell what "
            "happens, and how to look around. Nothing can leave them, and nothing stays."
        ),
        epilog=EPILOG,
        formatter_class=Help,
    )
    made.add_argument("--network-os", choices=("frr", "kernel"), default="frr", help="which (default: frr)")
    made.add_argument(
        "--runtime", choices=("lxc", "nspawn"), default="lxc", help="of the guest shell (default: lxc)"
    )
    made.add_argument(
        "--nics",
        type=int,
        choices=range(1, MOST_NICS + 1),
        default=3,
        metavar="N",
        help="how many (default: 3)",
    )
    made.add_argument(
        "--page-port",
        type=_port,
        default=0,
        metavar="PORT",
        help="of the page, on loopback (default: a free one)",
    )
    made.add_argument("--json", action="store_true", help="tell it as JSON lines, for programs")
    return made


def _room(show: ApplianceShow, plot: Plot) -> int:
    with ExitStack() as stack:
        with show.busy("setting up"):
            made = stack.enter_context(stage(plot, show.note))
        show.note(introduction(made))
        run = ApplianceRun(show, vm=made.name, nics=tuple(card.name for card in made.cards))
        admin = made.emulator.admin
        stack.enter_context(fabric_events(admin, run.take_event))
        stack.enter_context(watched(made.machine, admin, run.take_record))
        show.owners_begin()
        made.boot(settle=False)
        try:
            run.until(Reached(stage="steady"), limit=LIMIT)
        except LabError as error:
            show.failure(str(error), evidence(made))
            return FAILED
        run.settle()
        if gap := gap_between_stages(run.accepted):
            show.gap(gap)
        show.note(hints(made, plot))
        with show.alive():
            until_enter(run, lambda: tend(made))
    return 0
