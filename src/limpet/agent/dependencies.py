"""Waiting until an extension on which others depend has succeeded, has failed, or has taken too long.

Source: extensions.md §3.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.status import ExtensionState

if TYPE_CHECKING:
    from limpet.agent.board import Board
    from limpet.agent.machine import Machine
    from limpet.agent.statuses import Statuses
    from limpet.agent.worklist import Item

LONGEST_WAIT = 90 * 60.0
"""For all waiting of one goal state together, seconds."""
LOOK_EVERY = 0.5


class Dependencies:
    """Waits by looking at status files; gives up early when a newer goal state or the end of the agent comes."""

    def __init__(self, statuses: Statuses, board: Board, machine: Machine) -> None:
        self._statuses = statuses
        self._board = board
        self._clock = machine.clock
        self._log = machine.log

    def deadline(self) -> float:
        """When waiting that begins now, with a goal state, ends: on the monotonic clock."""
        self._statuses.begin()
        return self._clock.monotonic() + LONGEST_WAIT

    def wait(self, item: Item, deadline: float, current_round: int) -> str | None:
        """Wait for `item` to succeed. Gives None when it did, else what its dependents are told."""
        if item.settings is None:
            return None
        path = self._statuses.file_of(item)
        self._log.info("dependency.waiting", handler=item.title, file=path)
        while True:
            status = self._statuses.state_in(path) if path is not None else None
            if status is ExtensionState.SUCCESS:
                return None
            if status is not None and status.terminal:
                return f"Skipped because {item.title} did not succeed, its status was {status.value}"
            if self._clock.monotonic() >= deadline:
                return f"Skipped because {item.title} did not reach a terminal state within {LONGEST_WAIT / 60:g} minutes"
            snapshot = self._board.snapshot
            if self._board.stopping or (snapshot is not None and snapshot.round != current_round):
                return f"Skipped: a newer goal state came while waiting for {item.title}"
            self._clock.sleep(LOOK_EVERY)
