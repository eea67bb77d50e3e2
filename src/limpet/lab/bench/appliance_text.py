"""The page of the appliance's bench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.lab.bench import report as bench_report
from limpet.lab.bench.appliance_figures import PEERS_CASE
from limpet.lab.bench.appliance_run import DEATHS

if TYPE_CHECKING:
    from limpet.lab.bench.appliance_run import Plan
    from limpet.lab.bench.figures import Outcome

PAGE = """\
# Appliance benchmarks

Made by `make bench`. Both agents ran in one run, by turns, on the same fabric, on the same kind of appliance: {rounds} rounds, each with new
machines. Each figure is the median, with the least and the most in parentheses. The ratio says how many times the peer's figure is ours.
Budgets are ours alone; they were set before anything was measured. How long it takes in a virtual machine,
which is slower by far, is told by `make appliance-vm-test`.

{facts}

{figures}

## How it was measured

- **The appliance** is a Debian machine in namespaces with systemd, a provisioning disc, Azure's DMI strings, 1 to 16 NICs, FRRouting and
  LXC as Debian ships them. The fabric is `limpet emulator` behind a bridge: answers take about a millisecond. Times are
  those at which the fabric took a report, from its own record, and those of the supervisor's journal in between: the agents' words count
  for nothing. All clocks are one.
- **limpet** is installed; `limpet appliance run` is a unit that starts with the machine. Its status gap is from the last report accepted from
  Linux to the first one accepted from the guest shell, which is running and has its agent parked when the gap begins.
- **The peer** is the package `waagent` as Debian ships it, started twice as Cisco's image starts it: on Linux, with provisioning, until the
  fabric has its Ready; then it is ended, the NICs are moved to FRRouting by the same kernel moves, and a container is started
  cold whose systemd starts it again, without provisioning. Nobody supervises that: it is a shell script, with everything in the
  peer's favour. The network OS runs and the guest's root file system is mounted before; it is ended only after its first status, while
  Cisco's is ended at Ready; the guest shell has a route to the platform, so that it asks no DHCP.
- **The extension** that is published in the gap (`examples/Limpet.Sample.Noop-1.0.0`) is published as soon as Linux's agent has ended. Its success counts
  from the last report of Linux on, for both ({peers}).
- **Killed** means `kill -9`, and time counts from before the command ran. New settings are published at once after it, so that a report is due:
  the next report from the guest shell counts, and the one that tells of their success. limpet's container is started again by its supervisor,
  and its agent by systemd in it ({deaths}); the peer's by the unit around it (`Restart=always` after 1 s), and its agent by its own, which
  Debian's has not: as Cisco's, `Restart=always` after 5 s. FRRouting goes on forwarding by the kernel while its daemons are dead.
- **Network OS gone**: its namespace is deleted with its daemons killed; time counts from when its NICs are back in Linux, as the kernel
  returns real ones. **Refused**: something in the network OS takes both names that the primary NIC could have there, so the handover fails at
  its last and worst move. It is taken away when Linux has said why. The pause before a new attempt is 1 s here, and 30 s where nothing
  else is set; the former is in the figure of the network OS that was gone, and not in that of the retry.
- **Idle** figures are of one appliance each, with one NIC and one installed extension, {settle:g} s after anything was wanted, over {window:g} s: limpet's with
  the kernel as its network OS, so that the supervisor's CPU is not mixed with a routing daemon's. PSS is in 10⁶ bytes: a page that other
  processes share counts by its share; each agent's appliances are made of copies of the root file systems, so that those others are its own. CPU is that of control groups, with what has ended. The peer has no supervisor.
- **The image** is the lab's, whose packages are the same for both but for the agent and what it needs; the one that `limpet guestshell build` makes
  is described in [the guest shell](guest-shell.md). Written are its changes and its persistent folders.
"""


def page(outcome: Outcome, plan: Plan) -> str:
    """As Markdown, with the method."""
    facts, figures = bench_report.markdown_tables(outcome)
    return PAGE.format(
        facts=facts,
        figures=figures,
        rounds=plan.rounds,
        settle=plan.settle,
        window=plan.window,
        peers=PEERS_CASE.words,
        deaths=DEATHS.words,
    )
