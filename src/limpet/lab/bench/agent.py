"""`limpet lab bench`: the agent and its peer, side by side on one fabric."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab import recipes, requirements, rootfs
from limpet.lab.agents import LIMPET, WAAGENT
from limpet.lab.bench import report
from limpet.lab.bench.agent_run import QUICK, VERSION, Bench, Plan, handlers
from limpet.lab.bench.boot_ns_text import carried
from limpet.lab.bench.command import bench_parser, conduct, positive
from limpet.lab.bench.figures import Outcome
from limpet.lab.bench.machine_facts import machine_facts
from limpet.lab.fabric import fabric
from limpet.lab.install import limpet_layer
from limpet.lab.machine import IDLE
from limpet.lab.packages import package_of
from limpet.lab.room import room

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.lab.agents import Agent
    from limpet.lab.room import Room

HANDLER = Path(__file__).parents[4] / "examples" / "Limpet.Sample.Noop-1.0.0"
MOST_EXTENSIONS = 99
AGENTS = {agent.name.lower(): agent for agent in (LIMPET, WAAGENT)}
WIDTH = 140
"""Of the table where no terminal says how wide it may be."""


def main(argv: Sequence[str] = ()) -> int:
    """Measure. Gives the exit code. Raises: LabError."""
    options = parse(argv)
    plan: Plan = options.plan
    return conduct(
        options,
        requirements.lacks(),
        lambda say: measure(options.agents, plan, say),
        whole=lambda outcome: outcome.complete([figure.key for figure in Plan().figures]),
        page=lambda outcome, old: carried(
            old, report.page(outcome, rounds=plan.rounds, patience=plan.patience)
        ),
        width=WIDTH,
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = Plan()
    made = bench_parser(
        "bench",
        "Run limpet and Debian's WALinuxAgent on the same fabric, one after the other, in machines made of "
        "namespaces, and compare them. All of it takes some 20 minutes.",
        example="bench --counts 1,10 --rounds 3",
        agents=AGENTS,
    )
    made.add_argument(
        "--quick", action="store_true", help="once, with one extension, without the idle figures"
    )
    made.add_argument(
        "--counts", type=_counts, metavar="N,…", help="numbers of extensions; 1,10,50 when left out"
    )
    made.add_argument("--rounds", type=positive, metavar="N",
                      help=f"repetitions of a figure that is cheap; {whole.rounds} when left out")  # fmt: skip
    made.add_argument("--rests", type=positive, metavar="N",
                      help=f"changes after {whole.rest:g} s of idleness; {whole.rests} when left out")  # fmt: skip
    return made


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line: agents, plan, json, page. Exits with 2 for what it does not understand."""
    options = parser().parse_args(argv)
    given = {name: getattr(options, name) for name in ("counts", "rounds", "rests")}
    options.plan = replace(
        QUICK if options.quick else Plan(), **{k: v for k, v in given.items() if v is not None}
    )
    return options


def measure(agents: Sequence[Agent], plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Run the whole plan. Raises: LabError."""
    tree = rootfs.root_file_system(recipes.VM, rootfs.default_cache(), say)
    with ExitStack() as stack:
        made = stack.enter_context(room())
        world = stack.enter_context(fabric(made.emulator().admin))
        package = package_of(HANDLER)
        for name in handlers(max(plan.counts)):
            world.host(package, name=name, version=VERSION)
        layers = [limpet_layer(tree, made.workspace), tree]
        facts = _facts(made, layers, agents)
        bench = Bench(made, world, plan, say)
        series = {agent.name: bench.measured(agent, layers) for agent in agents}
    return Outcome(facts=facts, figures=plan.figures, agents=series)


def _facts(made: Room, layers: Sequence[Path], agents: Sequence[Agent]) -> dict[str, str]:
    """The machine's, the kernel's and the software's names."""
    machine, _ = made.machine(layers, name="facts")
    machine.boot(IDLE)
    try:
        python = machine.run(["python3", "--version"]).checked().strip()
        debian = machine.read("/etc/debian_version").strip()
        versions = {agent.name: agent.version(machine) for agent in agents}
    finally:
        machine.kill()
    return {**machine_facts(), "root file system": f"Debian {debian}, {python}", **versions}


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(positive(part) for part in text.split(","))
    if max(counts) > MOST_EXTENSIONS:
        raise argparse.ArgumentTypeError(f"at most {MOST_EXTENSIONS} extensions")
    return counts
