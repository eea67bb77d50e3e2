"""`limpet lab bench-boot-ns`: limpet, cloud-init and WALinuxAgent provision new machines in namespaces, side by side."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab import requirements
from limpet.lab.bench.agent import machine_facts, positive
from limpet.lab.bench.boot_ns_agents import AGENTS
from limpet.lab.bench.boot_ns_run import FIGURES, NamespaceBench
from limpet.lab.bench.boot_ns_text import with_section
from limpet.lab.bench.command import LACKING, cannot_run, progress, show
from limpet.lab.bench.figures import Outcome
from limpet.lab.fabric import fabric
from limpet.lab.room import room

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.lab.bench.boot_ns_agents import Provisioner

ROUNDS, MOST_ROUNDS = 3, 30
"""A room has place for the machines of so many."""
BY_NAME = dict(zip(("limpet", "limpet-rsa", "cloud-init", "waagent"), AGENTS, strict=True))
EPILOG = """\
example:
  sudo limpet lab bench-boot-ns --rounds 1 --agents limpet,cloud-init

exit codes: 0 measured, 1 an agent did not do what was asked, 2 wrong usage, 3 this machine lacks something
"""


def main(argv: Sequence[str] = ()) -> int:
    """Measure. Gives the exit code. Raises: LabError."""
    options = parse(argv)
    if cannot_run(requirements.lacks()):
        return LACKING
    say = progress()
    outcome = measure(options.agents, options.rounds, say)
    if options.page is not None and len(options.agents) == len(AGENTS):
        old = options.page.read_text(encoding="utf-8") if options.page.exists() else ""
        options.page.write_text(with_section(old, outcome, rounds=options.rounds), encoding="utf-8")
    elif options.page is not None:
        say(f"{options.page} stays as it is: not every agent was measured")
    show(outcome, as_json=options.json)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet lab bench-boot-ns",
        description=(
            "Have new machines in namespaces provisioned by limpet, by Debian's cloud-init and by its WALinuxAgent, "
            "by turns, on one fabric, and compare what that takes. Three rounds take two minutes."
        ),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--agents", type=_agents, default=AGENTS, metavar="NAME,…",
                      help=f"which: {', '.join(BY_NAME)}; all when left out")  # fmt: skip
    made.add_argument("--rounds", type=_rounds, default=ROUNDS, metavar="N",
                      help=f"new machines for each; {ROUNDS} when left out")  # fmt: skip
    made.add_argument("--json", action="store_true", help="print JSON with every value instead of a table")
    made.add_argument(
        "--page", type=Path, metavar="FILE", help="when all were measured, put the section of it into FILE"
    )
    return made


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line: agents, rounds, json, page. Exits with 2 for what it does not understand."""
    return parser().parse_args(argv)


def measure(agents: Sequence[Provisioner], rounds: int, say: Callable[[str], None]) -> Outcome:
    """Provision with them all. Raises: LabError."""
    load = Path("/proc/loadavg").read_text(encoding="ascii").split()[0]
    with room() as made:
        admin = made.emulator("--dhcp", "br0", "--strict").admin
        with fabric(admin) as world:
            bench = NamespaceBench(made, world, admin, say)
            series = bench.measured(agents, rounds)
    lacking = {
        f"{name}: not in place at Ready": ", ".join(lacks) or "nothing"
        for name, lacks in bench.lacking.items()
    }
    busy = {"load before, of 1 minute": load}
    facts = {**machine_facts(), **busy, **bench.versions, **lacking}
    return Outcome(facts=facts, figures=FIGURES, agents=series)


def _agents(text: str) -> list[Provisioner]:
    asked = text.lower().split(",")
    if unknown := [name for name in asked if name not in BY_NAME]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(BY_NAME)}")
    return [agent for name, agent in BY_NAME.items() if name in asked]


def _rounds(text: str) -> int:
    if (rounds := positive(text)) > MOST_ROUNDS:
        raise argparse.ArgumentTypeError(f"at most {MOST_ROUNDS} rounds")
    return rounds
