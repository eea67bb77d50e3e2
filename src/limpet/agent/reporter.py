"""The task that reports: at once when something has changed, and from time to time when nothing has.

The document goes to the status blob, through the host plugin, else directly.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from limpet.model.errors import FabricError, FabricRefused, FabricStale, HostError
from limpet.model.extensions import BlobType
from limpet.wire import statusblob, storage
from limpet.wire.http import accepted
from limpet.wire.ticks import seconds_to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.agent.board import Board
    from limpet.agent.fabric import Fabric
    from limpet.agent.machine import Reporting
    from limpet.agent.news import News
    from limpet.agent.report import Report
    from limpet.agent.statuses import Statuses
    from limpet.model.extensions import StatusUpload
    from limpet.model.goalstate import GoalState
    from limpet.model.status import AgentStatus
    from limpet.wire.http import Request

WORKING = 6.0
"""Longest silence while a goal state is being processed, seconds: the peers' period, but they are silent then."""
LOOK_EVERY = 1.0
LOOK_EVERY_IDLE = 2.0
RETRY_FIRST = 0.5
CREATED = 201


class Keeper(Protocol):
    """Who keeps a copy of what was reported."""

    def keep(self, name: str, content: bytes) -> None:
        """Keep one document."""


class Pace:
    """How close reports may follow each other: the first changes at once, a long series less and less often."""

    FIRST = 0.05
    SLOWEST = 1.0
    CALM = 3.0

    def __init__(self) -> None:
        self._gap = 0.0
        self._last = -self.CALM

    def wait(self, now: float) -> float:
        """Seconds until another report may go."""
        return max(0.0, self._last + self._gap - now)

    def sent(self, now: float) -> None:
        """A report has gone."""
        calm = now - self._last >= self.CALM
        self._gap = self.FIRST if calm else min(max(self.FIRST, self._gap * 2), self.SLOWEST)
        self._last = now


class Reporter:
    """One `report` is one look at what there is to report. Not shared between threads."""

    def __init__(
        self,
        board: Board,
        report: Report,
        statuses: Statuses,
        fabric: Fabric,
        history: Keeper,
        machine: Reporting,
        *,
        heartbeat: float,
        news: News | None = None,
    ) -> None:
        """news: hears of what is accepted, where somebody wants to know."""
        self._board = board
        self._report = report
        self._statuses = statuses
        self._fabric = fabric
        self._fetcher = machine.fetcher
        self._history = history
        self._clock = machine.clock
        self._log = machine.log
        self._heartbeat = heartbeat
        self._news = news
        self._pace = Pace()
        self._seen = -1
        self._sent: AgentStatus | None = None
        self._reported_at = -heartbeat
        self._failures = 0

    def report(self, *, last: bool = False) -> float:
        """Report when there is reason to. Gives the seconds until the next look, unless the bell rings before.

        last: the agent ends, so that a change does not wait for its turn.
        """
        now = self._clock.monotonic()
        snapshot = self._board.snapshot
        if snapshot is None:
            return LOOK_EVERY
        count = self._board.count
        silence = WORKING if self._board.processing else self._heartbeat
        due = now - self._reported_at >= silence
        if not due and count == self._seen and not self._statuses.changed():
            return LOOK_EVERY_IDLE
        finished = not self._board.processing and count != self._seen
        wait = 0.0 if finished or last else self._pace.wait(now)
        if wait > 0:
            return wait
        try:
            status = self._report.build()
        except HostError as error:
            self._log.error("status.not_built", problem=error)
            return LOOK_EVERY
        self._seen = count
        if not due and replace(status, timestamp="") == self._sent:
            return LOOK_EVERY
        upload = snapshot.extensions.status_upload
        if upload is None:
            self._log.warning("status.no_place", goal_state=snapshot.extensions.id)
            self._reported_at = now
            return LOOK_EVERY
        return self._send(upload, snapshot.goal_state, status, now)

    @property
    def failures(self) -> int:
        """How many reports in a row were not accepted."""
        return self._failures

    def again(self) -> None:
        """Let the next report go even when it says nothing new."""
        self._reported_at = self._clock.monotonic() - self._heartbeat

    def _send(self, upload: StatusUpload, state: GoalState, status: AgentStatus, now: float) -> float:
        content = statusblob.render_status(status)
        try:
            code = self._upload(upload, content)
        except (FabricError, HostError) as error:
            self._failures += 1
            self._log.warning("status.not_accepted", problem=error, failures=self._failures)
            self._seen = -1
            self._sent = None  # what was there before may be half overwritten
            if self._news is not None:
                self._news.refused(getattr(error, "status", None), str(error))
            return min(RETRY_FIRST * (1 << min(self._failures - 1, 5)), WORKING)
        self._failures = 0
        self._sent, self._reported_at = replace(status, timestamp=""), now
        self._pace.sent(now)
        self._board.reported()
        if self._news is not None:
            self._news.accepted(code, state)
        self._history.keep("waagent_status.json", content)
        return LOOK_EVERY

    def _upload(self, upload: StatusUpload, content: bytes) -> int:
        """Through the host plugin, else directly; gives the last answer's code. Source: wire-protocol.md §6.1. Raises: FabricError.

        A report that met a stale identity is dropped, because the next one goes under the right identity at once. When
        even that one is called stale, it goes directly.
        """
        date = seconds_to_text(self._clock.now())
        try:
            code = 0
            for request in _requests(upload, content, date, storage.Padding.SPACES):
                code = self._fabric.put_status(request)
            return code
        except FabricError as problem:
            if isinstance(problem, FabricStale) and not self._failures:
                raise
            self._log.warning("status.other_channel", problem=problem)
        for request in _requests(upload, content, date, storage.Padding.ZEROS):
            response = self._fetcher.exchange(request)
            accepted(response, "status upload")
            if response.status != CREATED:
                raise FabricRefused(
                    f"status upload: storage answered {response.status} instead of 201",
                    status=response.status,
                )
        return CREATED


def _requests(upload: StatusUpload, content: bytes, date: str, padding: storage.Padding) -> Sequence[Request]:
    if upload.blob_type is BlobType.PAGE:
        return storage.page_blob_requests(upload.url.reveal(), content, date, padding)
    return [storage.block_blob_request(upload.url.reveal(), content, date)]
