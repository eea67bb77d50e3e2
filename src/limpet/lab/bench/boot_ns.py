"""`limpet lab bench-boot-ns`: limpet, cloud-init and WALinuxAgent provision new machines in namespaces, side by side."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from limpet.lab import requirements
from limpet.lab.bench.boot_ns_agents import AGENTS
from limpet.lab.bench.boot_ns_run import FIGURES, NamespaceBench
from limpet.lab.bench.boot_ns_text import with_section
from limpet.lab.bench.command import bench_parser, conduct, positive
from limpet.lab.bench.figures import Outcome
from limpet.lab.bench.machine_facts import load_before, machine_facts
from limpet.lab.fabric import fabric
from limpet.lab.room import room

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.lab.bench.boot_ns_agents import Provisioner

ROUNDS, MOST_ROUNDS = 3, 30
"""A room has place for the machines of so many."""
BY_NAME = dict(zip(("limpet", "limpet-rsa", "cloud-init", "waagent"), AGENTS, strict=True))


def main(argv: Sequence[str] = ()) -> int:
    """Measure. Gives the exit code. Raises: LabError."""
    options = parse(argv)
    return conduct(
        options,
        requirements.lacks(),
        lambda say: measure(options.agents, options.rounds, say),
        whole=lambda _: len(options.agents) == len(AGENTS),
        page=lambda outcome, old: with_section(old, outcome, rounds=options.rounds),
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = bench_parser(
        "bench-boot-ns",
        "Have new machines in namespaces provisioned by limpet, by Debian's cloud-init and by its WALinuxAgent, "
        "by turns, on one fabric, and compare what that takes. Three rounds take two minutes.",
        example="bench-boot-ns --rounds 1 --agents limpet,cloud-init",
        agents=BY_NAME,
        page="when all were measured, put the section of it into FILE",
    )
    made.add_argument("--rounds", type=_rounds, default=ROUNDS, metavar="N",
                      help=f"new machines for each; {ROUNDS} when left out")  # fmt: skip
    return made


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line: agents, rounds, json, page. Exits with 2 for what it does not understand."""
    return parser().parse_args(argv)


def measure(agents: Sequence[Provisioner], rounds: int, say: Callable[[str], None]) -> Outcome:
    """Provision with them all. Raises: LabError."""
    busy = load_before()
    with room() as made:
        admin = made.emulator("--dhcp", "br0", "--strict").admin
        with fabric(admin) as world:
            bench = NamespaceBench(made, world, admin, say)
            series = bench.measured(agents, rounds)
    lacking = {
        f"{name}: not in place at Ready": ", ".join(lacks) or "nothing"
        for name, lacks in bench.lacking.items()
    }
    facts = {**machine_facts(), **busy, **bench.versions, **lacking}
    return Outcome(facts=facts, figures=FIGURES, agents=series)


def _rounds(text: str) -> int:
    if (rounds := positive(text)) > MOST_ROUNDS:
        raise argparse.ArgumentTypeError(f"at most {MOST_ROUNDS} rounds")
    return rounds
