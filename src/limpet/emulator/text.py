"""Text for terminals: whatever VMs sent is made harmless, and tables are aligned."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from limpet.model.printable import printable
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KIB = 1024
_PIPE_WIDTH = 4000
"""Columns of an output that is no terminal: enough for never wrapping a line that a program will read."""
_STYLES = {
    **dict.fromkeys(("success", "Ready", "Success"), "green"),
    **dict.fromkeys(("error", "NotReady", "Unresponsive", "Failed", "no"), "red"),
    **dict.fromkeys(("transitioning", "warning", "Installing"), "yellow"),
}


def plain(text: str) -> str:
    """`text` on one line, without control characters and SAS tokens: a VM must not be able to drive the terminal."""
    return redacted(printable(text))


def size(count: int) -> str:
    """A number of bytes for people."""
    if count < KIB:
        return f"{count} B"
    return f"{count / KIB:.1f} KiB" if count < KIB * KIB else f"{count / KIB / KIB:.1f} MiB"


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print aligned columns; None shows as a dash, and the words of a status in their colour on a terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns, 1):
        table.add_column(column, no_wrap=number < len(columns), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    if sys.stdout.isatty():
        Console(highlight=False).print(table)
        return
    console = Console(width=_PIPE_WIDTH, highlight=False)
    with console.capture() as captured:
        console.print(table)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _cell(value: object) -> Text:
    text = "-" if value is None else plain(str(value))
    return Text(text, style=_STYLES.get(text, ""))
