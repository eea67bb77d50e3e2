"""One run of a demo: moments come in from several sources, are shown in their order, and are waited for by the story."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from limpet.lab.clock import seconds
from limpet.lab.commands import LabError
from limpet.lab.timeline import boot
from limpet.lab.timeline.moments import HOLD, Merger, Moment, milliseconds
from limpet.lab.timeline.words import FabricWords, journal_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.lab.timeline.show import Show

PAUSE = 0.03
QUIET = 0.7
"""Seconds without news after which a chapter is over."""
LONGEST_TAIL = 5.0
HOPELESS = {
    "agent-lost": "The agent cannot be started",
    "boot-lost": "The boot stage has failed",
    boot.FAILED: "The VM was not provisioned",
}
"""Kinds of moments after which nothing is waited for, with what they mean."""


class NotReached(LabError):
    """What was waited for did not happen in time."""


class Goal(Protocol):
    """What a run waits for. As text: what that is."""

    def reached_by(self, moment: Moment) -> bool:
        """Whether it is reached at this moment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """A moment of a kind. what: that it is, for people."""

    kind: str
    what: str

    def reached_by(self, moment: Moment) -> bool:
        """Whether it is this one."""
        return moment.kind == self.kind

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True, kw_only=True, slots=True)
class Awaited:
    """An entry of a status report: the handler and version, answering settings `sequence` with `state`.

    state: the extension's, such as ``success``. handler_status: the handler's own word.
    """

    handler: str
    version: str
    sequence: int
    state: str
    handler_status: str = "Ready"

    def reached_by(self, moment: Moment) -> bool:
        """Whether the moment is a status that has it."""
        return moment.kind == "status" and self.in_report(moment.facts)

    def in_report(self, report: Mapping[str, Any]) -> bool:
        """Whether a status event of the fabric has it."""
        wanted = (self.handler, self.version, self.sequence, self.state, self.handler_status)
        return any(
            wanted
            == (
                entry["name"],
                entry["version"],
                entry["sequenceNumber"],
                entry["extensionStatus"],
                entry["status"],
            )
            for entry in report.get("handlers", ())
        )

    def __str__(self) -> str:
        return (
            f"{self.handler} {self.version} {self.handler_status}, settings {self.sequence} {self.state}, "
            "in an accepted status"
        )


class Run:
    """What the fabric and one VM do, in order, as it is shown. The `take` methods may be called on any thread."""

    def __init__(self, show: Show, *, vm: str, unit: str, hold: float = HOLD) -> None:
        self.show = show
        self._start: float | None = None
        self._since: float | None = None
        self._zero, self._again = "", False
        self._unit = unit
        self._words = FabricWords(vm)
        self._arrived: SimpleQueue[Moment] = SimpleQueue()
        self._merger = Merger(hold)

    def take(self, moment: Moment | None) -> None:
        """A moment; None is nothing."""
        if moment is not None:
            self._arrived.put(moment)

    def take_event(self, event: Mapping[str, Any]) -> None:
        """An event of the fabric."""
        self.take(self._words.moment(event))

    def take_entry(self, entry: Mapping[str, Any]) -> None:
        """An entry of the VM's journal."""
        self.take(journal_moment(entry, self._unit))

    def count_from(self, kind: str, *, again: bool = False) -> None:
        """Let the second column of times begin at the next moment of this kind; again: at every one."""
        self._since, self._zero, self._again = None, kind, again

    def _tell(self, moment: Moment) -> None:
        if self._start is None:
            self._start = moment.at
        if moment.kind == self._zero and (self._again or self._since is None):
            self._since = moment.at
        self.show.moment(moment, start=self._start, since=self._since)

    def follow(self, last: Callable[[Moment], bool] = lambda _moment: False) -> list[Moment]:
        """Let a little time pass; show what is due, and give it. What comes after the `last` moment is kept for the next call."""
        with suppress(Empty):
            self._merger.add(self._arrived.get(timeout=PAUSE), seconds())
            while True:
                self._merger.add(self._arrived.get_nowait(), seconds())
        return self._told(self._merger.due(seconds()), last)

    def _told(
        self, moments: list[Moment], last: Callable[[Moment], bool] = lambda _moment: False
    ) -> list[Moment]:
        for number, moment in enumerate(moments, start=1):
            self._tell(moment)
            if last(moment):
                self._merger.give_back(moments[number:])
                return moments[:number]
        return moments

    def until(self, goal: Goal, *, limit: float) -> int:
        """Follow until the goal is reached, and no further; gives the milliseconds from the chapter's zero to there.

        limit: seconds. Raises: NotReached.
        """
        end = seconds() + limit
        while seconds() < end:
            for moment in self.follow(goal.reached_by):
                if goal.reached_by(moment):
                    return milliseconds(moment.at, self._since) or 0
                if moment.kind in HOPELESS:
                    raise NotReached(f"{HOPELESS[moment.kind]}, so there is no hope for {goal}.")
        self._told(self._merger.rest())
        raise NotReached(f"Waited {limit:g} s in vain for {goal}.")

    def settle(self) -> None:
        """Follow until nothing has happened for a moment."""
        end = seconds() + LONGEST_TAIL
        quiet_from = seconds()
        while seconds() < min(end, quiet_from + QUIET):
            if self.follow():
                quiet_from = seconds()
