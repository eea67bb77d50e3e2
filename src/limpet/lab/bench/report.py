"""What a run found, as a table for a terminal, as JSON and as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from limpet.lab.bench.figures import Figure, Outcome, Series, met, ratios

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTHING = "-"
VERDICTS = {True: "met", False: "not met", None: ""}
STYLES = {True: "green", False: "bold red", None: ""}


def value(figure: Figure, series: Series | None) -> str:
    """The median with its unit, and the spread where there are several values."""
    if series is None:
        return NOTHING
    shown = f"{series.median:.{figure.digits}f} {figure.unit}".strip()
    if len(series.values) == 1:
        return shown
    least, most = (f"{edge:.{figure.digits}f}" for edge in series.spread)
    return f"{shown} ({least} to {most})"


def budget(figure: Figure) -> str:
    """What must not be exceeded."""
    return "" if figure.budget is None else f"≤ {figure.budget:g} {figure.unit}".strip()


def _cells(figure: Figure, found: Sequence[Series | None]) -> list[str]:
    factors = ratios(found)
    shown = (
        " / ".join(NOTHING if factor is None else f"{factor:.1f} x" for factor in factors)
        if any(factors)
        else ""
    )
    return [
        figure.what,
        *(value(figure, series) for series in found),
        shown,
        budget(figure),
        VERDICTS[met(figure, found[0])],
    ]


def _header(outcome: Outcome) -> list[str]:
    return ["median (least to most)", *outcome.agents, "ratio", "budget", ""]


def table(outcome: Outcome) -> Table:
    """For a terminal."""
    drawn = Table(title="Side by side on one fabric", caption="ratio: how many times the peer's is ours")
    for number, heading in enumerate(_header(outcome)):
        drawn.add_column(heading, justify="left" if number == 0 else "right")
    for figure, found in outcome.rows():
        *cells, verdict = _cells(figure, found)
        style = STYLES[met(figure, found[0])]
        drawn.add_row(*cells, f"[{style}]{verdict}[/]" if verdict else "")
    return drawn


def as_json(outcome: Outcome) -> dict[str, Any]:
    """For programs."""
    return {
        "facts": dict(outcome.facts),
        "figures": [
            {
                "key": figure.key,
                "what": figure.what,
                "unit": figure.unit,
                "budget": figure.budget,
                "met": met(figure, found[0]),
                "ratios": dict(zip(list(outcome.agents)[1:], ratios(found), strict=True)),
                "agents": {
                    name: None if series is None else {"median": series.median, "values": list(series.values)}
                    for name, series in zip(outcome.agents, found, strict=True)
                },
            }
            for figure, found in outcome.rows()
        ],
    }


PAGE = """\
# Benchmarks

Made by `make bench`. Both agents ran in one run, one after the other, on the same fabric, in the same kind of machine.
Each figure is the median, with the least and the most in parentheses where it was measured several times. The ratio says how many times
the peer's figure is ours. Budgets are ours alone; they were set before anything was measured.

{facts}

{figures}

## How it was measured

{method}
"""

METHOD = """\
- **The machine** of an agent is made of namespaces (processes, mounts, network, host name, control groups) over a throw-away
  copy of one Debian root file system, with systemd as PID 1. It is booted and settled before the agent's service is started.
  The peer is the package `waagent` as Debian ships it; limpet runs on the same machine's `/usr/bin/python3`. The compiled files of both, and of the
  standard library, are there before the first start.
- **The configuration** is the same `/etc/waagent.conf` for both, with Debian's values; switched off is only what does not
  exist in a namespace (provisioning, resource disk) and log collection, so polls are 6 s apart for the peer and as
  limpet chooses for us.
- **The fabric** is `limpet emulator`, on the far side of a veth pair: answers take about a millisecond.
- **Extensions** are copies of the shell handler `examples/Limpet.Sample.Noop-1.0.0` under different names, each with its own
  package and manifest, without protected settings.
- **Start → first success** begins when systemd has started the process, with nothing installed and no keys made, and ends
  when the fabric accepts the first report in which every extension is `success`. One start before the first is not counted.
- **New goal state → success** begins when new settings for all extensions are published on the wire server, and ends when the
  fabric accepts the first report in which all have succeeded with them. Publications follow the end of the one before by
  times that are spread evenly over 6 s, so that they are in step with nobody's polls.
- **Idle** figures are of one installed extension. CPU is that of the service's control group, processes that have ended
  included; requests are those in the fabric's ledger. PSS is the sum over all processes of the service from `smaps_rollup`,
  in 10⁶ bytes: a page that other processes of this machine share counts by its share. The other agent is not running meanwhile.
- A figure is repeated up to {rounds} times, but not begun again after {patience:g} s.
"""


def page(outcome: Outcome, *, rounds: int, patience: float) -> str:
    """As Markdown, with the method."""
    facts, figures = markdown_tables(outcome)
    method = METHOD.format(rounds=rounds, patience=patience)
    return PAGE.format(facts=facts, figures=figures, method=method).rstrip("\n") + "\n"


def markdown_tables(outcome: Outcome) -> tuple[str, str]:
    """The facts and the figures."""
    rows = [_cells(figure, found) for figure, found in outcome.rows()]
    facts = [[name, fact] for name, fact in outcome.facts.items()]
    return _markdown(["", ""], facts), _markdown(_header(outcome), rows)


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
