"""The bench's section of the page of benchmarks, between two marks; the rest of the page belongs to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.lab.bench import report as bench_report
from limpet.lab.bench.boot_ns_run import STARTS
from limpet.lab.bench.boot_ns_sight import PROMISES

if TYPE_CHECKING:
    from limpet.lab.bench.figures import Outcome

BEGIN, END = "<!-- bench-boot-ns: begin -->\n", "<!-- bench-boot-ns: end -->\n"
SECTION = """\
## Boot, in namespaces

A new machine was provisioned by each agent by turns, on one fabric, in one run: {rounds} of each, after one that is not counted.
Each figure is the median, with the least and the most in parentheses. The ratio says how many times the figures of the other columns, in
their order, are the first one's; the second column is ours too. Budgets are ours alone. `limpet lab bench-boot` measures the same in
virtual machines, which are slower by far, and nearer to the platform.

{facts}

{figures}

How it was measured:

- **The machine** is one Debian root file system in namespaces, with systemd, Azure's DMI strings and a provisioning disc in its drive.
  It starts up to `basic.target` and settles; then `multi-user.target` is started, which starts network and agent in the
  order that their own units ask for. The agents are the packages `cloud-init` and `waagent` as Debian ships them, and limpet by
  `limpet install`. The compiled files of all are there.
- **What is asked of them** is the same: a user with password, key and sudo, a host name, new ssh host keys, custom data kept and run.
  cloud-init is told that there is one source, as in Debian's images for the platform. limpet and WALinuxAgent have the same
  `/etc/waagent.conf`, Debian's with provisioning by the agent and custom data run; switched off is what does not exist here
  (resource disk) or is not provisioning (host-name monitor, log collection). limpet has its own default of host keys in the
  first column, and waagent.conf's in the second: an RSA key is most of the work there, by chance more or less.
- **Not equal**: limpet and cloud-init bring the network up themselves; WALinuxAgent is started when ifupdown has done it, so that
  is not in its time, and its DHCP messages come from what it asks and restarts itself. cloud-init waits for ifupdown between its stages,
  makes a fourth (DSA) key, and also sets up locale and package sources. WALinuxAgent stays as a daemon and goes
  on; limpet's agent, a service of its own, is not started. limpet runs custom data when it has said Ready, WALinuxAgent before.
- **Process start → Ready accepted** begins when systemd has started the agent's first process, and ends when the fabric took the
  report, by the fabric's clock. **Finished** is when its last unit has started; WALinuxAgent has nothing left to do when it says Ready.
- **Not in place** counts what is missing as soon as the fabric has Ready, of {promises}.
  Files are looked at within some milliseconds, from outside.
- **CPU** is that of a control group around all units of the agent, with what has ended. **Memory** is the largest resident set that one
  process has had, looked at every 10 ms. **Requests** are those in the fabric's ledger between start and Ready.
- **Start-up** is of a command in a machine that is not provisioned yet, run {starts} times in each round from a small process. The dry run of limpet
  reads the machine and the disc and prints the plan; its peers have nothing like it, so it stands beside how long they take to print their version.
"""


def with_section(page: str, outcome: Outcome, *, rounds: int) -> str:
    """A page with this outcome's section in the place of the old one, or at its end. Other parts stay as they are."""
    facts, figures = bench_report.markdown_tables(outcome)
    promises = f"{', '.join(PROMISES[:-1])} and {PROMISES[-1]}"
    text = SECTION.format(facts=facts, figures=figures, rounds=rounds, promises=promises, starts=STARTS)
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before.rstrip()}\n\n{BEGIN}{text}{END}{after}".lstrip("\n")


def carried(old: str, new: str) -> str:
    """A new text of the rest of the page, with the section that the old page had."""
    _, begin, rest = old.partition(BEGIN)
    section, end, _ = rest.partition(END)
    return f"{new.rstrip()}\n\n{begin}{section}{end}" if begin and end else new
