"""What the benches' commands have in common: they say what lacks, how it goes, and what came of it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from rich.console import Console

from limpet.lab.bench import report
from limpet.lab.clock import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.lab.bench.figures import Outcome
    from limpet.lab.requirements import Lack

LACKING = 3
"""The exit code where a bench cannot run."""
WIDTH = 200
"""Of a table where no terminal says how wide it may be."""


def cannot_run(missing: Sequence[Lack]) -> bool:
    """Say what lacks, if anything does."""
    if missing:
        lines = ["The bench cannot run here:", *(f"  - {lack}" for lack in missing)]
        sys.stderr.write("\n".join(lines) + "\n")
    return bool(missing)


def progress() -> Callable[[str], None]:
    """Tells how it goes, each line with the seconds since this call."""
    console, began = Console(stderr=True, highlight=False), seconds()
    return lambda text: console.print(f"[dim]{seconds() - began:6.0f} s[/]  {text}", soft_wrap=True)


def show(outcome: Outcome, *, as_json: bool, width: int = WIDTH) -> None:
    """The command's output: JSON with every value, or a table."""
    if as_json:
        print(json.dumps(report.as_json(outcome), indent=2))  # noqa: T201 - the command's output
    else:
        Console(width=None if sys.stdout.isatty() else width).print(report.table(outcome))
