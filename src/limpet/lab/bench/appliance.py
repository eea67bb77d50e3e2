"""`limpet lab bench-appliance`: an appliance with limpet, and one with WALinuxAgent started the way Cisco's image does."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from limpet import __version__
from limpet.lab import recipes, requirements
from limpet.lab.appliance.room import prepared
from limpet.lab.bench import appliance_peer as peer
from limpet.lab.bench import appliance_run as ours
from limpet.lab.bench.agent import machine_facts, positive
from limpet.lab.bench.appliance_figures import CASES, FIGURES
from limpet.lab.bench.appliance_run import Plan
from limpet.lab.bench.appliance_text import page
from limpet.lab.bench.boot_ns_run import shown
from limpet.lab.bench.command import LACKING, cannot_run, progress, show
from limpet.lab.bench.figures import Outcome, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from limpet.lab.bench.figures import Figure

    Measure = Callable[[], Mapping[Figure, float]]

LIMPET, WAAGENT = "limpet", "WALinuxAgent"
AGENTS = (LIMPET, WAAGENT)
EPILOG = """\
example:
  sudo limpet lab bench-appliance --quick

exit codes: 0 measured, 1 an agent did not do what was asked, 2 wrong usage, 3 this machine lacks something
"""


def main(argv: Sequence[str] = ()) -> int:
    """Measure. Gives the exit code. Raises: LabError."""
    options = parse(argv)
    if cannot_run(requirements.lacks(appliances=True)):
        return LACKING
    say = progress()
    outcome = measure(options.agents, options.plan, say)
    if options.page is not None and set(options.agents) == set(AGENTS) and options.plan.whole:
        options.page.write_text(page(outcome, options.plan), encoding="utf-8")
    elif options.page is not None:
        say(f"{options.page} stays as it is: not everything was measured")
    show(outcome, as_json=options.json)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = Plan()
    made = argparse.ArgumentParser(
        prog="limpet lab bench-appliance",
        description=(
            "Hand appliances over to their network OS and have their guest shells talk, with limpet and with Debian's "
            "WALinuxAgent started as Cisco's image starts it: status gaps, deaths, roll-backs, and what it all uses. "
            "A round takes two or three minutes, and the idle figures five."
        ),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--quick", action="store_true", help="once, with one NIC, without deaths and without the idle figures"
    )
    made.add_argument("--agents", type=_agents, default=AGENTS, metavar="NAME,…",
                      help=f"which: {', '.join(AGENTS).lower()}; both when left out")  # fmt: skip
    made.add_argument("--rounds", type=positive, metavar="N",
                      help=f"repetitions of all but idleness; {whole.rounds} when left out")  # fmt: skip
    made.add_argument("--json", action="store_true", help="print JSON with every value instead of a table")
    made.add_argument(
        "--page", type=Path, metavar="FILE", help="when all was measured, write it to FILE as Markdown"
    )
    return made


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line: agents, plan, json, page. Exits with 2 for what it does not understand."""
    options = parser().parse_args(argv)
    options.plan = QUICK if options.quick else Plan()
    if options.rounds is not None:
        options.plan = replace(options.plan, rounds=options.rounds)
    return options


QUICK = Plan(rounds=1, cases=tuple(case for case in CASES if case.nics == 1), failures=False, window=0.0)


def measure(agents: Sequence[str], plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Both by turns, round by round. Raises: LabError."""
    load = Path("/proc/loadavg").read_text(encoding="ascii").split()[0]
    found: dict[str, dict[Figure, list[float]]] = {name: {} for name in AGENTS if name in agents}
    versions: dict[str, str] = {}
    with ExitStack() as stack:
        turns: dict[str, Callable[[int], Iterator[tuple[str, Measure]]]] = {}
        if LIMPET in found:
            turns[LIMPET] = ours.turns(stack.enter_context(prepared(say, apart=True)), plan)
            versions[LIMPET] = f"limpet {__version__}"
        if WAAGENT in found:
            parts = stack.enter_context(
                prepared(
                    say,
                    linux=recipes.WAAGENT_APPLIANCE,
                    guest=recipes.WAAGENT_GUEST_SHELL,
                    agent=False,
                    apart=True,
                )
            )
            turns[WAAGENT] = peer.turns(parts, plan)
            versions[WAAGENT] = peer.version(parts)
        for number in range(plan.rounds):
            for name, turn in turns.items():
                for what, take in turn(number):
                    values = take()
                    for figure, value in values.items():
                        found[name].setdefault(figure, []).append(value)
                    say(f"{name}, round {number + 1}, {what}: {shown(values)}")
    series = {
        name: {figure.key: Series(values=tuple(several)) for figure, several in values.items()}
        for name, values in found.items()
    }
    facts = {**machine_facts(), "load before, of 1 minute": load, **versions}
    return Outcome(facts=facts, figures=FIGURES, agents=series)


def _agents(text: str) -> tuple[str, ...]:
    known = {name.lower(): name for name in AGENTS}
    asked = text.lower().split(",")
    if unknown := [name for name in asked if name not in known]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
    return tuple(name for key, name in known.items() if key in asked)
