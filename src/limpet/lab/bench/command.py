"""The frame of a bench's command: its options, what lacks, how it goes, what came of it, and the page that is kept of it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console

from limpet.lab.bench import report
from limpet.lab.clock import seconds
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from limpet.lab.bench.figures import Outcome
    from limpet.lab.requirements import Lack

T = TypeVar("T")

LACKING = 3
"""The exit code where a bench cannot run."""
WIDTH = 200
"""Of a table where no terminal says how wide it may be."""
EPILOG = """\
example:
  sudo limpet lab {example}

exit codes: 0 measured, 1 an agent did not do what was asked, 2 wrong usage, 3 this machine lacks something
"""


def bench_parser(
    verb: str,
    description: str,
    *,
    example: str,
    agents: Mapping[str, Any],
    page: str = "when all was measured, write it to FILE as Markdown",
) -> argparse.ArgumentParser:
    """The options that every bench has: --agents, --json and --page. agents: by the names that are given, in lower case."""
    made = argparse.ArgumentParser(
        prog=f"limpet lab {verb}",
        description=description,
        epilog=EPILOG.format(example=example),
        formatter_class=Help,
    )
    every = "both" if len(agents) == 2 else "all"
    made.add_argument("--agents", type=chosen_from(agents), default=list(agents.values()), metavar="NAME,…",
                      help=f"which: {', '.join(agents)}; {every} when left out")  # fmt: skip
    made.add_argument("--json", action="store_true", help="print JSON with every value instead of a table")
    made.add_argument("--page", type=page_file, metavar="FILE", help=page)
    return made


def chosen_from(known: Mapping[str, T]) -> Callable[[str], list[T]]:
    """Reads ``NAME,…``: the known ones that are named, in the order in which they are known. Raises: ArgumentTypeError."""

    def read(text: str) -> list[T]:
        asked = text.lower().split(",")
        if unknown := [name for name in asked if name not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return [one for name, one in known.items() if name in asked]

    return read


def page_file(text: str) -> Path:
    """Where a page can be written when all was measured, which takes long. Raises: ArgumentTypeError."""
    path = Path(text)
    if not path.absolute().parent.is_dir() or path.is_dir():
        raise argparse.ArgumentTypeError(
            f"{text!r} cannot be written: it is no file in a folder that is there"
        )
    return path


def positive(text: str) -> int:
    """An option's number. Raises: ArgumentTypeError."""
    if not text.isdecimal() or not 0 < int(text) < 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def conduct(
    options: argparse.Namespace,
    missing: Sequence[Lack],
    measure: Callable[[Callable[[str], None]], Outcome],
    *,
    whole: Callable[[Outcome], bool],
    page: Callable[[Outcome, str], str],
    width: int = WIDTH,
) -> int:
    """Measure and show it. Gives the exit code. Raises: LabError.

    measure: is given what tells how it goes. whole: whether an outcome has all that the page shows. page: its text, made of
    the outcome and of what it was before (empty where there was none).
    """
    if missing:
        lines = ["The bench cannot run here:", *(f"  - {lack}" for lack in missing)]
        sys.stderr.write("\n".join(lines) + "\n")
        return LACKING
    say = _progress()
    outcome = measure(say)
    if options.page is not None and whole(outcome):
        old = options.page.read_text(encoding="utf-8") if options.page.exists() else ""
        options.page.write_text(page(outcome, old), encoding="utf-8")
    elif options.page is not None:
        say(f"{options.page} stays as it is: not everything was measured")
    if options.json:
        print(json.dumps(report.as_json(outcome), indent=2))  # noqa: T201 - the command's output
    else:
        Console(width=None if sys.stdout.isatty() else width).print(report.table(outcome))
    return 0


def _progress() -> Callable[[str], None]:
    """Tells how it goes, each line with the seconds since this call."""
    console, began = Console(stderr=True, highlight=False), seconds()
    return lambda text: console.print(f"[dim]{seconds() - began:6.0f} s[/]  {text}", soft_wrap=True)
