"""What the agent tells the supervisor: how far it is with the fabric, in a file of the exchange folder.

The file is replaced when a goal state or a report was accepted; `limpet.guest.agent_news` has its form.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from limpet.guest.agent_news import NEWS, AgentNews, render_news
from limpet.model.errors import HostError
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.ports import Clock, Files, Log
    from limpet.model.goalstate import GoalState

EVERY = 3.0
"""How close what only repeats itself may follow the last writing, seconds."""


class News:
    """Used from several threads: what is noted is replaced whole, and a writing more does no harm."""

    def __init__(self, exchange: Path, epoch: int, files: Files, clock: Clock, log: Log) -> None:
        self._file = exchange / NEWS
        self._files = files
        self._clock = clock
        self._log = log
        self._news = AgentNews(epoch=epoch)
        self._written = self._news
        self._at = -EVERY
        self._trouble: str | None = None
        self._unreported: str | None = None

    def goal_state(self, state: GoalState) -> None:
        """The fabric has given a goal state, new or not."""
        self._note(replace(self._news, goal_state_at=self._clock.now(), **_names(state)))

    def accepted(self, code: int, state: GoalState) -> None:
        """The fabric has taken a report, made under a goal state."""
        self._unreported = None
        now, up = self._clock.now(), self._clock.monotonic()
        first = self._news.first if self._news.first is not None else now
        first_up = self._news.first_up if self._news.first_up is not None else up
        at = self._news.goal_state_at if self._news.goal_state_at is not None else now
        self._note(
            replace(
                self._news,
                first=first,
                first_up=first_up,
                last=now,
                last_up=up,
                code=code,
                problem=self._problem(),
                goal_state_at=at,
                **_names(state),
            )
        )

    def refused(self, code: int | None, problem: str) -> None:
        """The fabric has not taken a report. code: of its answer, None where there was none."""
        self._unreported = problem
        self._note(replace(self._news, code=code, problem=self._problem()))

    def trouble(self, problem: str | None) -> None:
        """What is wrong with goal states now; None when nothing is."""
        self._trouble = problem
        self._note(replace(self._news, problem=self._problem()))

    def _problem(self) -> str | None:
        problems = [each for each in (self._trouble, self._unreported) if each is not None]
        return redacted("; ".join(problems)) if problems else None

    def is_ready(self) -> None:
        """The fabric has taken the report that the VM is ready."""
        self._note(replace(self._news, ready=True))

    def told(self, number: int) -> None:
        """An event of the supervisor's was sent, and all before it."""
        self._note(replace(self._news, told=number))

    def flush(self) -> None:
        """Write what is not written yet."""
        if self._news != self._written:
            self._write()

    def _note(self, news: AgentNews) -> None:
        self._news = news
        silent = replace(news, goal_state_at=None, last=None, last_up=None)
        same = silent == replace(self._written, goal_state_at=None, last=None, last_up=None)
        if not same or self._clock.monotonic() - self._at >= EVERY:
            self._write()

    def _write(self) -> None:
        news = self._news
        try:
            self._files.make_folder(self._file.parent)
            self._files.replace(self._file, render_news(news), durable=False)
        except HostError as error:
            self._log.warning("news.unwritable", problem=error)
        self._written, self._at = news, self._clock.monotonic()


def _names(state: GoalState) -> dict[str, Any]:
    return {"goal_state": f"incarnation {state.incarnation}", "container_id": state.container_id}
