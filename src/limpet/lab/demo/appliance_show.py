"""An appliance's story for people and for programs: what happens, in lines, among them a table of who has what that goes on.

On a terminal the last line moves: the stage, and the seconds since the fabric last accepted a status.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Protocol

from rich.live import Live
from rich.rule import Rule
from rich.text import Text

from limpet.lab.appliance.picture import GUEST_SHELL, OWNERS
from limpet.lab.timeline.moments import Moment, Tone, Who
from limpet.lab.timeline.show import STYLES, WHO_STYLES, JsonLines, Lines, Show, people_console

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from rich.console import Console

    from limpet.lab.appliance.words import Gap

MARK = "◆"
TIMES, WHOM = 7, 13
"""Columns of the time, with two decimals, and of who does something."""
SPINNING = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
MOST_NAMED = 3
LINUX, NETWORK_OS = 19, 18
"""Columns of those that have NICs."""


class ApplianceShow(Show, Protocol):
    """What an appliance's story is told to."""

    def owners_begin(self) -> None:
        """From here on there are moments of who has what."""

    def gap(self, gap: Gap) -> None:
        """The status gap of a handover."""

    def alive(self) -> AbstractContextManager[object]:
        """Until the end of the block the last line may move."""

    def pulse(self, words: str, gap: float | None) -> None:
        """How it is right now. gap: seconds since the last status while a gap is open."""


class ApplianceLines(Lines):
    """For people."""

    def __init__(self, console: Console, driver: str, runtime: str) -> None:
        super().__init__(console)
        self._driver, self._runtime = driver, runtime
        self._live: Live | None = None
        self._turns = 0

    def chapter(self, number: int, title: str, about: str) -> None:
        """A ruled heading, and a line about it."""
        self._console.print()
        self._console.print(Rule(Text(f"{number}  {title}", style="bold"), align="left", style="dim"))
        if about:
            self._console.print(Text(self._wrapped(about), style="dim"))

    def owners_begin(self) -> None:
        """The table's head."""
        head = f"{'sec':>{TIMES}}  {'stage':<{WHOM}}  {'Linux':<{LINUX}}{self._driver:<{NETWORK_OS}}  guest shell ({self._runtime})"
        self._console.print(Text(head, style="dim underline"))

    def moment(self, moment: Moment, *, start: float | None, since: float | None) -> None:
        """A line, or a row of the table."""
        del since
        if moment.tone is Tone.QUIET:
            return
        seconds = "" if start is None else f"{moment.at - start:.2f}"
        if moment.kind == OWNERS:
            self._row(seconds, moment)
        else:
            self._hanging(seconds, moment.who, moment.what, STYLES[moment.tone])

    def message(self, text: str) -> None:
        """In quotes."""
        self._hanging("", Who.GUEST, f'"{text}"', "italic")

    def finding(self, who: Who, text: str) -> None:
        """Without a time."""
        self._hanging("", who, text, "italic")

    def gap(self, gap: Gap) -> None:
        """The figure, on a line of its own."""
        self._console.print(Text(f"{'':{TIMES}}  status gap: {gap.seconds:.2f} s", style="bold green"))

    def _row(self, seconds: str, moment: Moment) -> None:
        facts = moment.facts
        line = Text(f"{seconds:>{TIMES}}  ")
        stage = str(facts["stage"]).replace("-", " ") if facts["newStage"] else ""
        line.append(f"{stage:<{WHOM}}", style=STYLES[moment.tone])
        holder = facts["holder"]
        on_linux = holder not in {GUEST_SHELL, "nobody"}
        line.append(f"{MARK} " if on_linux else "  ", style="bold yellow")
        _named(line, facts, facts["linux"], LINUX - 2, "cyan")
        line.append("  ")
        _named(line, facts, facts["networkOs"], NETWORK_OS, "magenta")
        line.append(f"  {MARK} agent" if holder == GUEST_SHELL else "", style="bold yellow")
        line.rstrip()
        self._console.print(line, soft_wrap=True)

    def _hanging(self, seconds: str, who: Who, words: str, style: str) -> None:
        head = Text(f"{seconds:>{TIMES}}  ")
        head.append(f"{who.value:<{WHOM}}", style=WHO_STYLES[who])
        self._hang_after(head, words, style)

    @contextmanager
    def alive(self) -> Iterator[None]:
        """A last line that moves, on a terminal."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, transient=True, refresh_per_second=15) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def pulse(self, words: str, gap: float | None) -> None:
        """Nothing, unless it can move."""
        if self._live is None:
            return
        turn = SPINNING[self._turns % len(SPINNING)]
        self._turns += 1
        line = Text(f"{turn:>{TIMES}}  ", no_wrap=True, overflow="ellipsis")
        line.append(words, style="dim")
        if gap is not None:
            line.append(f"   status gap: {gap:.2f} s and counting", style="bold yellow")
        self._live.update(line)


def _named(line: Text, facts: Mapping[str, Any], names: Sequence[str], width: int, style: str) -> None:
    """NICs in a column: the primary one with a star, one on its way with an arrow; of many the others are counted."""
    shown = [
        name for name in names if len(names) <= MOST_NAMED or name in {facts["primary"], facts["moving"]}
    ]
    words = [
        f"{name}{'*' if name == facts['primary'] else ''}{'→' if name == facts['moving'] else ''}"
        for name in shown
    ]
    if others := len(names) - len(shown):
        words.append(f"{'+ ' if shown else ''}{others} NICs")
    for word in words:
        line.append(f"{word} ", style="bold yellow" if word.endswith("→") else style)
    line.append(" " * max(0, width - sum(len(word) + 1 for word in words)))


class ApplianceJson(JsonLines):
    """For programs: as `JsonLines`, with the ``gap``."""

    def owners_begin(self) -> None:
        """Nothing."""

    def gap(self, gap: Gap) -> None:
        """A ``gap``: seconds, and when the two statuses were accepted, in seconds since 1970."""
        self._write("gap", seconds=gap.seconds, last=gap.last.at, first=gap.first.at)

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Nothing."""
        yield

    def pulse(self, words: str, gap: float | None) -> None:
        """Nothing."""


def appliance_show(
    stream: IO[str], *, as_json: bool, driver: str, runtime: str, environment: Mapping[str, str] = os.environ
) -> ApplianceShow:
    """For whom it is to be told. driver, runtime: as the table calls them."""
    if as_json:
        return ApplianceJson(stream)
    return ApplianceLines(people_console(stream, environment), driver, runtime)
