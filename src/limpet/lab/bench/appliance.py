"""`limpet lab bench-appliance`: an appliance with limpet, and one with WALinuxAgent started the way Cisco's image does."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from limpet import __version__
from limpet.lab import recipes, requirements
from limpet.lab.appliance.room import prepared
from limpet.lab.bench import appliance_peer as peer
from limpet.lab.bench import appliance_run as ours
from limpet.lab.bench.appliance_figures import CASES, FIGURES
from limpet.lab.bench.appliance_run import Plan
from limpet.lab.bench.appliance_text import page
from limpet.lab.bench.boot_ns_run import shown
from limpet.lab.bench.command import bench_parser, conduct, positive
from limpet.lab.bench.figures import Outcome, Series
from limpet.lab.bench.machine_facts import load_before, machine_facts

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from limpet.lab.bench.figures import Figure

    Measure = Callable[[], Mapping[Figure, float]]

LIMPET, WAAGENT = "limpet", "WALinuxAgent"
AGENTS = (LIMPET, WAAGENT)


def main(argv: Sequence[str] = ()) -> int:
    """Measure. Gives the exit code. Raises: LabError."""
    options = parse(argv)
    return conduct(
        options,
        requirements.lacks(appliances=True),
        lambda say: measure(options.agents, options.plan, say),
        whole=lambda _: set(options.agents) == set(AGENTS) and options.plan.whole,
        page=lambda outcome, _: page(outcome, options.plan),
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = Plan()
    made = bench_parser(
        "bench-appliance",
        "Hand appliances over to their network OS and have their guest shells talk, with limpet and with Debian's "
        "WALinuxAgent started as Cisco's image starts it: status gaps, deaths, roll-backs, and what it all uses. "
        "A round takes two or three minutes, and the idle figures five.",
        example="bench-appliance --quick",
        agents={name.lower(): name for name in AGENTS},
    )
    made.add_argument(
        "--quick", action="store_true", help="once, with one NIC, without deaths and without the idle figures"
    )
    made.add_argument("--rounds", type=positive, metavar="N",
                      help=f"repetitions of all but idleness; {whole.rounds} when left out")  # fmt: skip
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
    load = load_before()
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
    facts = {**machine_facts(), **load, **versions}
    return Outcome(facts=facts, figures=FIGURES, agents=series)
