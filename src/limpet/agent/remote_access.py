"""Just-in-time users in the resident agent: it notices what changes and lets a worker see to it. Source: wire-protocol.md §12.

The list is fetched for each new incarnation, independently of extensions: whoever is to look after a machine on which one
hangs must be able to log in. Passwords and the key that opens them stay in the worker.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.model.errors import FabricError, HostError

if TYPE_CHECKING:
    from limpet.agent.board import Board
    from limpet.agent.fabric import Fabric
    from limpet.agent.machine import Machine
    from limpet.host.ports import Completed, Work
    from limpet.model.goalstate import GoalState

WORKER = "limpet.agent.remote_access_worker"
LOOK_EVERY = 5.0
"""Seconds from a new goal state, or from the end of somebody's access, to its effect."""
AGAIN_AFTER = 60.0
"""A fabric or a machine that failed is asked again, seconds."""
PATIENCE = 120.0
_PAUSE = 0.1
_PASSWD = Path("/etc/passwd")
_MARK = b":JIT_Account"
_LARGEST = 4 * 1024 * 1024


class RemoteAccess:
    """A chore."""

    def __init__(self, fabric: Fabric, board: Board, machine: Machine, *, settings: dict[str, Any]) -> None:
        """settings: what the worker is told, as JSON has it."""
        self._fabric = fabric
        self._board = board
        self._machine = machine
        self._clock = machine.clock
        self._log = machine.log
        self._settings = settings
        self._seen: tuple[str, str] | None = None
        self._tried: tuple[str, str] | None = None
        self._document = b""
        self._again: float | None = None
        self._soonest: float | None = None
        self._work: Work | None = None
        self._begun = 0.0
        self._told: dict[str, str] = {}

    def do(self) -> float | None:
        """Look once. Gives the seconds until it wants to be called again, None for its period."""
        if self._work is not None:
            return self._see(self._work)
        snapshot = self._board.snapshot
        if snapshot is None:
            return None
        try:
            if self._fetched(snapshot.goal_state) or self._is_time():
                return self._begin()
        except (FabricError, HostError) as error:
            self._log.warning("remote_access.failed", problem=error)
            self._again = self._clock.monotonic() + AGAIN_AFTER
        return None

    def _fetched(self, state: GoalState) -> bool:
        """Fetch the list of a new incarnation. Says whether there is one, or an account that may have to go."""
        key = (state.incarnation, state.container_id)
        waiting = key == self._tried and self._again is not None and self._clock.monotonic() < self._again
        if key == self._seen or waiting:
            return False
        self._tried, self._again = key, None
        document = b""
        if state.remote_access is not None:
            transport = self._machine.vault.transport_certificate()
            document = self._fabric.remote_access(state.remote_access, transport)
        self._document, self._seen, self._told = document, key, {}
        return bool(document) or self._has_accounts()

    def _is_time(self) -> bool:
        """Whether somebody's access has ended, or what failed is due again."""
        if self._again is not None:
            return self._clock.monotonic() >= self._again
        return self._soonest is not None and self._clock.now() >= self._soonest

    def _has_accounts(self) -> bool:
        try:
            return _MARK in self._machine.files.read(_PASSWD, at_most=_LARGEST)
        except FileNotFoundError:
            return False

    def _begin(self) -> float:
        self._again = self._soonest = None
        order = json.dumps(self._settings).encode() + b"\n" + self._document
        self._work = self._machine.workers.start(WORKER, given=order)
        self._begun = self._clock.monotonic()
        return _PAUSE

    def _see(self, work: Work) -> float | None:
        done = work.ended()
        if done is None and self._clock.monotonic() - self._begun < PATIENCE:
            return _PAUSE
        self._work = None
        if done is None:
            work.kill()
            self._fail(f"the worker did not end in {PATIENCE:g} s")
        else:
            self._take(done)
        return None

    def _take(self, done: Completed) -> None:
        try:
            answer = json.loads(done.stdout)
            made, removed = map(list, (answer["made"], answer["removed"]))
            problems, failures = map(dict, (answer["problems"], answer["failures"]))
            soonest = answer["soonest"]
        except (ValueError, KeyError, TypeError):
            last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][-300:]
            self._fail(f"the worker ended with {done.exit_code}: {last}")
            return
        self._soonest = soonest
        if made or removed:
            self._log.info(
                "remote_access.settled", made=", ".join(made) or None, removed=", ".join(removed) or None
            )
        for name, problem in (problems | failures).items():
            if self._told.get(name) != problem:
                self._log.warning("remote_access.user_failed", user=name or None, problem=problem)
        self._told = problems | failures
        if failures:
            self._again = self._clock.monotonic() + AGAIN_AFTER

    def _fail(self, problem: str) -> None:
        self._log.error("remote_access.failed", problem=problem)
        self._again = self._clock.monotonic() + AGAIN_AFTER
