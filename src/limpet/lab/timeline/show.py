"""Two ways to show a run as it happens: lines for people, JSON lines for programs."""

from __future__ import annotations

import json
import os
import textwrap
from contextlib import nullcontext
from typing import IO, TYPE_CHECKING, Any, Protocol

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from limpet.lab.timeline.moments import Moment, Tone, Who, milliseconds
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

WIDEST = 110
NARROWEST = 20
"""Columns that words are given, however narrow the terminal is."""
STYLES = {Tone.QUIET: "dim", Tone.PLAIN: "", Tone.NEWS: "bold", Tone.GOOD: "green", Tone.BAD: "red"}
CELLS = {"success": "green", "Ready": "green", "error": "red", "NotReady": "red"}
WHO_STYLES = {
    Who.FABRIC: "blue",
    Who.VM: "magenta",
    Who.BOOT: "cyan",
    Who.AGENT: "cyan",
    Who.HANDLER: "yellow",
    Who.USER: "yellow",
    Who.SUPERVISOR: "cyan",
    Who.GUEST: "magenta",
    Who.NETWORK_OS: "magenta",
}


class Show(Protocol):
    """What a run is told to."""

    def note(self, text: str) -> None:
        """Something about the run itself; may have several lines."""

    def busy(self, what: str) -> AbstractContextManager[object]:
        """Say that something takes a while, until the end of the block."""

    def chapter(self, number: int, title: str, about: str) -> None:
        """What begins now, and what there is to see."""

    def moment(self, moment: Moment, *, start: float | None, since: float | None) -> None:
        """Something that happened. start: the run's zero; since: the chapter's, None before it is known."""

    def message(self, text: str) -> None:
        """What a handler's status says, after the moment that brought it."""

    def finding(self, who: Who, text: str) -> None:
        """What somebody sees who looks after what has happened."""

    def quotation(self, title: str, text: str) -> None:
        """A text that deserves its full length."""

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows of texts."""

    def figures(self, figures: Mapping[str, int | None]) -> None:
        """What was measured, in milliseconds."""

    def failure(self, problem: str, details: Mapping[str, Sequence[str]]) -> None:
        """The run ends here. details: lines that help, by heading."""


class Lines:
    """For people. Colour only where the console has it."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def note(self, text: str) -> None:
        """As it is."""
        self._console.print(Text(self._wrapped(text)))

    def busy(self, what: str) -> AbstractContextManager[object]:
        """A line that moves, on a terminal; it goes again."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        moving = Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        )
        moving.add_task(what, total=None)
        return moving

    def chapter(self, number: int, title: str, about: str) -> None:
        """A ruled heading."""
        self._console.print()
        self._console.print(Rule(Text(f"{number}  {title}", style="bold"), align="left", style="dim"))
        self._console.print(Text(f"{self._wrapped(about)}\n", style="dim"))

    def _wrapped(self, text: str) -> str:
        """In lines without spaces at their ends."""
        return "\n".join(textwrap.fill(line, self._console.width) for line in text.split("\n"))

    def moment(self, moment: Moment, *, start: float | None, since: float | None) -> None:
        """Two times, right-aligned in milliseconds, who and what."""
        times = (milliseconds(moment.at, start), milliseconds(moment.at, since))
        self._hang(times, moment.who, moment.what, STYLES[moment.tone])

    def message(self, text: str) -> None:
        """In quotes."""
        self._hang((None, None), Who.HANDLER, f'says "{text}"', "italic")

    def finding(self, who: Who, text: str) -> None:
        """Without a time."""
        self._hang((None, None), who, text, "italic")

    def _hang(self, times: Sequence[int | None], who: Who, words: str, style: str) -> None:
        head = Text("".join(f"{'' if value is None else value:>8}" for value in times) + "  ")
        head.append(f"{who.value:<8}", style=WHO_STYLES[who])
        self._hang_after(head, words, style)

    def _hang_after(self, head: Text, words: str, style: str) -> None:
        """Words after a head; what is too long goes on below their beginning."""
        parts = textwrap.wrap(redacted(words), max(self._console.width - head.cell_len, NARROWEST))
        head.append(f"\n{' ' * head.cell_len}".join(parts), style=style)
        self._console.print(head, soft_wrap=True)

    def quotation(self, title: str, text: str) -> None:
        """A panel."""
        shown = Text(redacted(text.rstrip()))
        self._console.print()
        self._console.print(Panel(shown, title=Text(title), title_align="left", border_style="red"))

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Aligned columns; long texts are wrapped in the last."""
        made = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
        for column in columns:
            made.add_column(column, no_wrap=column != columns[-1], overflow="fold")
        for row in rows:
            made.add_row(*(Text(redacted(cell), style=CELLS.get(cell, "")) for cell in row))
        self._console.print(Text(f"{title}\n"))
        self._console.print(made)

    def figures(self, figures: Mapping[str, int | None]) -> None:
        """One line, or more where it is too narrow: each figure stays whole."""
        lines: list[str] = []
        for name, value in figures.items():
            told = f"{name} {value if value is not None else '?'} ms"
            longer = f"{lines[-1]} · {told}" if lines else told
            if lines and len(longer) <= self._console.width:
                lines[-1] = longer
            else:
                lines.append(told)
        self._console.print()
        self._console.print(Text("\n".join(lines), style="bold"))

    def failure(self, problem: str, details: Mapping[str, Sequence[str]]) -> None:
        """What failed, in red, and the lines under their headings."""
        self._console.print()
        self._console.print(Text(problem, style="bold red"))
        for heading, lines in details.items():
            self._console.print(Text(f"\n{heading}:"))
            for each in lines or ("(none)",):
                self._console.print(Text(f"  {redacted(each)}"), soft_wrap=True)


def for_people(stream: IO[str], environment: Mapping[str, str] = os.environ) -> Lines:
    """Lines on `stream`; see `people_console`."""
    return Lines(people_console(stream, environment))


def people_console(stream: IO[str], environment: Mapping[str, str] = os.environ) -> Console:
    """A console on `stream`, of at most 110 columns; in colour on a terminal, unless NO_COLOR is set."""
    console = Console(
        file=stream,
        force_terminal=stream.isatty(),
        highlight=False,
        emoji=False,
        markup=False,
        _environ=environment,
    )
    if not console.is_terminal or console.width > WIDEST:
        console.width = WIDEST
    return console


class JsonLines:
    """For programs: one object for each thing that is told, with its ``type``."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._chapter = 0

    def note(self, text: str) -> None:
        """A ``note``."""
        self._write("note", text=text)

    def busy(self, what: str) -> AbstractContextManager[object]:  # noqa: ARG002 - a protocol's
        """Nothing."""
        return nullcontext()

    def chapter(self, number: int, title: str, about: str) -> None:
        """A ``chapter``; moments after it carry its number."""
        self._chapter = number
        self._write("chapter", chapter=number, title=title, about=about)

    def moment(self, moment: Moment, *, start: float | None, since: float | None) -> None:
        """A ``moment``: times in milliseconds, what happened in words and as facts."""
        self._write(
            "moment",
            chapter=self._chapter,
            at=moment.at,
            ms=milliseconds(moment.at, start),
            since=milliseconds(moment.at, since),
            who=moment.who.value,
            kind=moment.kind,
            what=moment.what,
            facts=dict(moment.facts),
        )

    def message(self, text: str) -> None:
        """A ``message``."""
        self._write("message", chapter=self._chapter, text=text)

    def finding(self, who: Who, text: str) -> None:
        """A ``finding``."""
        self._write("finding", chapter=self._chapter, who=who.value, text=text)

    def quotation(self, title: str, text: str) -> None:
        """A ``quotation``."""
        self._write("quotation", chapter=self._chapter, title=title, text=text)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A ``table``: each row an object by column."""
        found = [dict(zip(columns, row, strict=True)) for row in rows]
        self._write("table", chapter=self._chapter, title=title, rows=found)

    def figures(self, figures: Mapping[str, int | None]) -> None:
        """The ``figures``, in milliseconds by name."""
        self._write("figures", milliseconds=dict(figures))

    def failure(self, problem: str, details: Mapping[str, Sequence[str]]) -> None:
        """The ``failure``."""
        self._write(
            "failure", problem=problem, details={name: list(lines) for name, lines in details.items()}
        )

    def _write(self, message_type: str, **members: Any) -> None:
        self._stream.write(
            json.dumps(_redacted({"type": message_type, **members}), ensure_ascii=False) + "\n"
        )
        self._stream.flush()


def _redacted(value: Any) -> Any:
    """JSON without SAS tokens."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {name: _redacted(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value
