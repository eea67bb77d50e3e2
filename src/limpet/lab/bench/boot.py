"""`limpet lab bench-boot`: the first boot of a VM with limpet, with cloud-init and with WALinuxAgent, side by side."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab import requirements
from limpet.lab.bench import report as bench_report
from limpet.lab.bench.boot_run import AGENTS, FIGURES, BootBench
from limpet.lab.bench.command import bench_parser, conduct, positive
from limpet.lab.bench.figures import Outcome
from limpet.lab.bench.machine_facts import machine_facts
from limpet.lab.rootfs import default_cache
from limpet.lab.vm.kernel import kernel
from limpet.lab.vm.rack import rack
from limpet.lab.vm.ssh import make_key

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from limpet.lab.bench.boot_run import BootAgent

ROUNDS = 3


def main(argv: Sequence[str] = ()) -> int:
    """Measure. Gives the exit code. Raises: LabError."""
    options = parse(argv)
    return conduct(
        options,
        requirements.lacks(vms=True),
        lambda say: measure(options.agents, options.rounds, say),
        whole=lambda _: len(options.agents) == len(AGENTS),
        page=lambda outcome, _: page(outcome),
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = bench_parser(
        "bench-boot",
        "Boot a new VM with limpet, one with Debian's cloud-init and one with its WALinuxAgent, by turns, on one "
        "fabric, and compare what provisioning takes. A round takes two minutes; the first one makes the disks.",
        example="bench-boot --rounds 1",
        agents={agent.image.name: agent for agent in AGENTS},
    )
    made.add_argument("--rounds", type=positive, default=ROUNDS, metavar="N",
                      help=f"boots of each; {ROUNDS} when left out")  # fmt: skip
    return made


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line: agents, rounds, json, page. Exits with 2 for what it does not understand."""
    return parser().parse_args(argv)


def measure(agents: Sequence[BootAgent], rounds: int, say: Callable[[str], None]) -> Outcome:
    """Boot them all. Raises: LabError."""
    cache = default_cache()
    with rack(cache, say) as made, tempfile.TemporaryDirectory(prefix="limpet-bench-") as folder:
        bench = BootBench(made, make_key(Path(folder)), say)
        series = bench.measured(agents, rounds)
    facts = {
        **machine_facts(),
        "VM": f"QEMU without acceleration, 2 CPUs, 1 GiB, Linux {kernel(cache, say).release}",
    }
    return Outcome(facts={**facts, **bench.versions}, figures=FIGURES, agents=series)


PAGE = """\
# Boot benchmarks

Made by `make bench`. A new VM was booted with each agent by turns, on one fabric, in one run. Each figure is the median, with the
least and the most in parentheses. The ratio says how many times each peer's figure is ours. Budgets are ours alone; they were
set before anything was measured.

{facts}

{figures}

## How it was measured

- **The VM** is emulated by QEMU without acceleration, some 15 times slower than the machine it runs on: compare columns, not
  columns with a real VM. It is Debian 12 with a disk, a resource disk as the platform makes it (NTFS), a provisioning disc
  (UDF), the platform's firmware strings, and a network card on a bridge with the emulated fabric: DHCP, wire server, metadata.
- **The agents** are the packages `cloud-init` and `waagent` as Debian ships them, and limpet from its wheel, each enabled as its
  own units are. waagent is told to provision by itself (`Provisioning.Agent=waagent`), has ifupdown and `eject`, and starts
  though this is not Hyper-V. cloud-init has Azure as its only source. A stand-in for VMBus gives all of them the
  device ids by which they find the resource disk.
- **What is asked of them** is the same: a user with a key and sudo, a host name, the resource disk formatted and mounted, ssh host keys.
- **Unit start → Ready accepted** begins when systemd starts the agent's first unit, in the VM's own boot, and ends when the
  fabric has the report. **Finished** is when its last unit has started; waagent has nothing left to do when it says Ready.
- **Not in place** counts what is missing of user, key, sudo rule, host name and mounted resource disk when the fabric has Ready.
- **CPU and memory** are those of a control group around all units of the agent, with what has ended; memory counts the pages of files
  that it was the first to read.
- **Keys** take much of the CPU, by chance more or less: an RSA key some 2 to 6 s there.
"""


def page(outcome: Outcome) -> str:
    """As Markdown, with the method."""
    facts, figures = bench_report.markdown_tables(outcome)
    return PAGE.format(facts=facts, figures=figures)
