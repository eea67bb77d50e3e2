"""The task that does what goal states want: one at a time, in order, to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.agent.lifecycle import Wish
from limpet.agent.timestamps import utc
from limpet.agent.worklist import Item, work_list
from limpet.model.errors import Code, HandlerError, HostError
from limpet.model.status import GoalStateAggregate, Message

if TYPE_CHECKING:
    from limpet.agent.board import Board, Snapshot
    from limpet.agent.cloudinit import CloudInit
    from limpet.agent.dependencies import Dependencies
    from limpet.agent.machine import Machine
    from limpet.agent.runner import Runner
    from limpet.agent.store import Store

SUPPORTED_FEATURES = frozenset({"MultipleExtensionsPerHandler", "VersioningGovernance"})
"""Features the fabric may require. Source: wire-protocol.md §4.2."""


class Worker:
    """Processes the newest goal state once."""

    def __init__(
        self,
        board: Board,
        runner: Runner,
        dependencies: Dependencies,
        cloud_init: CloudInit,
        store: Store,
        machine: Machine,
        *,
        extensions_enabled: bool,
    ) -> None:
        self._board = board
        self._runner = runner
        self._dependencies = dependencies
        self._cloud_init = cloud_init
        self._store = store
        self._clock = machine.clock
        self._log = machine.log
        self._extensions_enabled = extensions_enabled
        self._processed = 0

    def work(self) -> bool:
        """Process the newest goal state, unless that was done. Gives whether something was processed."""
        snapshot = self._board.snapshot
        if snapshot is None or snapshot.round == self._processed:
            return False
        self._processed = snapshot.round
        self._board.begin()
        aggregate = None
        try:
            aggregate = self._process(snapshot)
        finally:
            self._board.finish(aggregate)
        return True

    def _process(self, snapshot: Snapshot) -> GoalStateAggregate | None:
        extensions = snapshot.extensions
        if snapshot.on_hold or snapshot.outdated:
            self._log.info("goal_state.not_processed", on_hold=snapshot.on_hold, outdated=snapshot.outdated)
            return None
        unsupported = [name for name in extensions.required_features if name not in SUPPORTED_FEATURES]
        if unsupported:
            text = (
                f"This goal state requires features that this agent does not have: {', '.join(unsupported)}"
            )
            return self._aggregate(snapshot, "Failed", Code.UNSUPPORTED_FEATURES, text)
        if not self._extensions_enabled:
            self._refuse_all(snapshot)
        else:
            self._run_all(snapshot)
        gone = self._store.remove_vanished(handler.name for handler in extensions.handlers)
        if gone:
            self._log.info("handlers.vanished", removed=", ".join(gone))
        return self._aggregate(snapshot, "Success", Code.SUCCESS, "GoalState executed successfully")

    def _run_all(self, snapshot: Snapshot) -> None:
        items = work_list(snapshot.extensions)
        self._cloud_init.wait()
        deadline = self._dependencies.deadline()
        blocked: str | None = None
        for item in items:
            if self._board.stopping:
                return
            if blocked is not None:
                self._runner.fail(item, HandlerError(blocked))
                continue
            problem = self._run(item)
            if 0 <= item.level < items[-1].level:
                blocked = problem or self._dependencies.wait(item, deadline, snapshot.round)

    def _run(self, item: Item) -> str | None:
        """Run one item; gives what dependents are told when it failed."""
        try:
            self._runner.run(item)
        except HandlerError as error:
            return f"Skipped because {item.title}, on which it depends, failed: {error}"
        except (HostError, OSError) as error:
            # The machine's doing (a full disk, say): this handler ends here, the agent and its siblings go on.
            self._runner.fail(item, HandlerError(f"This machine failed: {error}", code=Code.PROCESSING))
            return f"Skipped because {item.title}, on which it depends, failed: {error}"
        return None

    def _refuse_all(self, snapshot: Snapshot) -> None:
        for item in work_list(snapshot.extensions):
            code = Code.ENABLE if item.wish is Wish.ENABLE else Code.DISABLE
            text = (
                f"{item.title} will not be processed: extensions are disabled by the configuration of this machine. "
                "Set extensions.enabled = true (Extensions.Enabled=y in waagent.conf) to allow them."
            )
            self._runner.fail(item, HandlerError(text, code=code))

    def _aggregate(self, snapshot: Snapshot, status: str, code: Code, text: str) -> GoalStateAggregate:
        self._log.info("goal_state.processed", id=snapshot.extensions.id, status=status, code=int(code))
        return GoalStateAggregate(
            status=status,
            code=int(code),
            message=Message(message=text),
            svd_sequence_number=snapshot.extensions.svd_sequence_number,
            finished=utc(self._clock.now()),
        )
