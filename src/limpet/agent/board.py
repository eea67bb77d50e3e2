"""What the agent's threads share: the newest goal state, how its processing stands, and a bell.

The bell rings for whatever a report would show; the reporter waits for it. Every member is replaced whole, under one lock.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limpet.model.extensions import ExtensionsGoalState
    from limpet.model.goalstate import GoalState
    from limpet.model.status import GoalStateAggregate, HandlerStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """One goal state as the agent knows it.

    round: counts the goal states adopted by this process; a higher one is newer. on_hold and outdated: extensions
    are not processed, status goes on.
    """

    round: int
    goal_state: GoalState
    extensions: ExtensionsGoalState
    on_hold: bool = False
    outdated: bool = False


class Board:
    """Shared by poll, work and report; every member is replaced whole, under one lock."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._snapshot: Snapshot | None = None
        self._aggregate: GoalStateAggregate | None = None
        self._processing = False
        self._fast_track = False
        self._stopping = False
        self._reported = False
        self._refusals: dict[str, HandlerStatus] = {}
        self._troubles: dict[str, str] = {}
        self._awaited: tuple[str, str] | None = None

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest goal state."""
        return self._snapshot

    @property
    def aggregate(self) -> GoalStateAggregate | None:
        """How the last processed goal state ended as a whole."""
        return self._aggregate

    @property
    def processing(self) -> bool:
        """Whether a goal state is being processed now."""
        return self._processing

    @property
    def fast_track(self) -> bool:
        """Whether the host plugin gives vmSettings; advertised in the status."""
        return self._fast_track

    @property
    def stopping(self) -> bool:
        """Whether the agent shall end."""
        return self._stopping

    @property
    def count(self) -> int:
        """How often the bell has rung."""
        return self._count

    def adopt(self, snapshot: Snapshot) -> None:
        """Make `snapshot` the newest goal state."""
        with self._changed:
            self._snapshot = snapshot
            self._ring()

    def begin(self) -> None:
        """A goal state is being processed from now on."""
        with self._changed:
            self._processing = True
            self._refusals = {}
            self._ring()

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is wrong with the agent as a whole, for people: its status says so."""
        return tuple(self._troubles.values())

    def trouble(self, topic: str, problem: str | None) -> None:
        """Note what is wrong with one thing that concerns the whole agent; None when nothing is any more."""
        if self._troubles.get(topic) == problem:
            return
        with self._changed:
            rest = {name: text for name, text in self._troubles.items() if name != topic}
            self._troubles = rest if problem is None else {**rest, topic: problem}
            self._ring()

    @property
    def awaited(self) -> tuple[str, str] | None:
        """The handler whose command everything here waits for, as long as that is so, and what people are told of it."""
        return self._awaited

    def await_command(self, handler: str, text: str) -> None:
        """Everything waits for a command of a handler that an earlier agent has left running. No trouble: its time is known."""
        with self._changed:
            self._awaited = (handler, text)
            self._ring()

    def await_no_command(self) -> None:
        """Nothing waits for it any more."""
        if self._awaited is not None:
            with self._changed:
                self._awaited = None
                self._ring()

    def refuse(self, status: HandlerStatus) -> None:
        """Note a handler that cannot be worked on at all, by its name in the goal state being processed."""
        with self._changed:
            self._refusals = {**self._refusals, status.name: status}

    def refusal(self, name: str) -> HandlerStatus | None:
        """What was noted of a handler that cannot be worked on."""
        return self._refusals.get(name)

    def finish(self, aggregate: GoalStateAggregate | None) -> None:
        """Processing has ended; aggregate: None where nothing was processed and the last one stays."""
        with self._changed:
            self._processing = False
            self._aggregate = aggregate or self._aggregate
            self._ring()

    def advertise_fast_track(self, supported: bool) -> None:
        """Note whether the host plugin gives vmSettings."""
        with self._changed:
            self._fast_track = supported

    def ring(self) -> None:
        """Something that a report would show has changed."""
        with self._changed:
            self._ring()

    def reported(self) -> None:
        """The fabric has taken a report."""
        if not self._reported:
            with self._changed:
                self._reported = True
                self._changed.notify_all()

    def await_report(self, seconds: float) -> None:
        """Wait until the fabric has taken the first report, at most `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._reported or self._stopping, seconds)

    def stop(self) -> None:
        """Let every task end."""
        with self._changed:
            self._stopping = True
            self._ring()

    def wait(self, seen: int, timeout: float | None) -> int:
        """Wait until the bell has rung since it had rung `seen` times, or for `timeout` seconds. Gives the count."""
        with self._changed:
            if self._count == seen and not self._stopping:
                self._changed.wait(timeout)
            return self._count

    def pause(self, seconds: float) -> None:
        """Let `seconds` pass, whatever rings; only the end of the agent cuts it short."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, seconds)

    def _ring(self) -> None:
        self._count += 1
        self._changed.notify_all()
