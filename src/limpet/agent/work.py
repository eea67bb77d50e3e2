"""The task that does what goal states want: item after item of the work list, in order, to the end.

A newer goal state, or the end of the agent, is heard between two items, never within one. An item that fails is recorded, and those
that depend on it are skipped with that as their reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.agent.lifecycle import Wish
from limpet.agent.steps import ExtensionFailed
from limpet.agent.worklist import Item, unsupported_features, work_list
from limpet.model.errors import Code, HandlerError, HostError
from limpet.model.extensions import Source
from limpet.model.status import GoalStateAggregate, Message
from limpet.wire.ticks import seconds_to_text

if TYPE_CHECKING:
    from limpet.agent.board import Board, Snapshot
    from limpet.agent.bridge import Bridge
    from limpet.agent.cloudinit import CloudInit
    from limpet.agent.dependencies import Dependencies
    from limpet.agent.machine import Machine
    from limpet.agent.policy import Policy
    from limpet.agent.policy_file import PolicyFile
    from limpet.agent.runner import Runner
    from limpet.agent.store import Store


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
        policy: Policy,
        bridge: Bridge,
        policy_file: PolicyFile | None = None,
    ) -> None:
        """policy_file: what an administrator lets run and be removed, where it is obeyed."""
        self._board = board
        self._runner = runner
        self._dependencies = dependencies
        self._cloud_init = cloud_init
        self._store = store
        self._clock = machine.clock
        self._processes = machine.processes
        self._log = machine.log
        self._extensions_enabled = extensions_enabled
        self._policy = policy
        self._policy_file = policy_file
        self._bridge = bridge
        self._processed = 0

    def work(self) -> bool:
        """Process the newest goal state, unless that was done. Gives whether something was processed."""
        snapshot = self._board.snapshot
        if snapshot is None or snapshot.round == self._processed:
            return False
        if not self._processed:
            self._take_over()
        self._processed = snapshot.round
        self._board.begin()
        aggregate = None
        try:
            aggregate = self._process(snapshot)
        finally:
            self._board.finish(aggregate)
        return True

    def _take_over(self) -> None:
        try:
            waited = self._processes.await_earlier(self._tell_of_earlier)
        finally:
            self._board.await_no_command()
        if waited is not None:
            self._log.info("handler.earlier_command_ended", seconds=f"{waited:.1f}")
        try:
            self._store.prepare_all()
        except HostError as error:
            self._log.warning("handlers.unprepared", problem=error)

    def _tell_of_earlier(self, folder: str, seconds: float) -> None:
        where = f" in {folder}" if folder else ""
        text = (
            f"a command that an earlier agent has left running{where} is waited for before any other is run, "
            f"for at most {seconds:.0f} s"
        )
        self._log.info("handler.earlier_command", folder=folder or None, at_most=f"{seconds:.0f}")
        self._board.await_command(folder.rpartition("-")[0], text)

    def _process(self, snapshot: Snapshot) -> GoalStateAggregate | None:
        extensions = snapshot.extensions
        if snapshot.on_hold or snapshot.outdated:
            self._log.info("goal_state.not_processed", on_hold=snapshot.on_hold, outdated=snapshot.outdated)
            return None
        unsupported = unsupported_features(extensions)
        if unsupported:
            text = (
                f"This goal state requires features that this agent does not have: {', '.join(unsupported)}"
            )
            return self._aggregate(snapshot, "Failed", Code.UNSUPPORTED_FEATURES, text)
        if not self._extensions_enabled:
            self._refuse_all(snapshot)
        elif not self._run_all(snapshot):
            self._log.info("goal_state.abandoned", id=extensions.id, stopping=self._board.stopping)
            return None
        self._remove_vanished(snapshot)
        return self._aggregate(snapshot, "Success", Code.SUCCESS, "GoalState executed successfully")

    def _run_all(self, snapshot: Snapshot) -> bool:
        """Run every item; gives False when a newer goal state, or the end of the agent, came before the last."""
        items = work_list(snapshot.extensions)
        self._cloud_init.wait()
        if self._policy_file is not None:
            self._policy_file.look()
        deadline = self._dependencies.deadline()
        failed: dict[str, HandlerError] = {}
        blocked: str | None = None
        for item in items:
            if self._board.stopping:
                return False
            if blocked is not None:
                self._runner.skip(item, blocked)
                continue
            problem = self._refused(item) or self._run(item, failed)
            if 0 <= item.level < items[-1].level:
                blocked = problem
                if problem is None and not self._is_bridged(item):  # what was bridged is done
                    blocked = self._dependencies.wait(item, deadline, snapshot.round)
                if problem is None and blocked is not None and self._overtaken(snapshot):
                    return False  # the newer one says what becomes of the rest
        return True

    def _do(self, item: Item) -> None:
        """Run an item here, or have the network OS do it. Raises: HandlerError, after it has been recorded; HostError."""
        if not self._is_bridged(item):
            self._runner.run(item)
            return
        try:
            said = self._bridge.hand_over(item)
        except HandlerError as error:
            self._runner.fail(item, error, forbidden=True)
            raise
        self._runner.note_done(item, said)

    def _is_bridged(self, item: Item) -> bool:
        wanted = item.wish is Wish.ENABLE and item.handler.invalid is None
        return wanted and self._policy.is_bridged(item.handler.name)

    def _refused(self, item: Item) -> str | None:
        """Report at once an extension that is not run here; gives what dependents are told.

        What is here may always go, unless an administrator's policy file is against it.
        """
        if item.handler.invalid is not None:
            return None
        enabling = item.wish is Wish.ENABLE
        reason = self._policy_file.refusal(item.handler.name) if self._policy_file is not None else None
        if reason is None and enabling:
            reason = self._policy.refusal(item.handler.name)
        if reason is None:
            return None
        text = f"{item.title} is not {'run' if enabling else 'removed'} here: {reason}"
        code = Code.ENABLE if enabling else Code.DISABLE
        self._runner.fail(item, HandlerError(text, code=code), forbidden=True)
        return f"Skipped because {item.title}, on which it depends, failed: {text}"

    def _overtaken(self, snapshot: Snapshot) -> bool:
        newest = self._board.snapshot
        return self._board.stopping or (newest is not None and newest.round != snapshot.round)

    def _run(self, item: Item, failed: dict[str, HandlerError]) -> str | None:
        """Run one item; gives what dependents are told when it failed.

        failed: handlers that failed as a whole: their commands are not run again for another extension of theirs.
        """
        name = item.handler.name
        error: Exception
        try:
            if name not in failed:
                self._do(item)
                return None
            error = failed[name]
            self._runner.fail(item, failed[name])
        except ExtensionFailed as failure:
            error = failure
        except HandlerError as failure:
            error = failed[name] = failure
        except (HostError, OSError) as failure:
            # The machine's doing (a full disk, say): this handler ends here, the agent and its siblings go on.
            error = failed[name] = HandlerError(f"This machine failed: {failure}", code=Code.PROCESSING)
            self._runner.fail(item, failed[name])
        return f"Skipped because {item.title}, on which it depends, failed: {error}"

    def _remove_vanished(self, snapshot: Snapshot) -> None:
        if snapshot.goal_state.extensions_config is None and snapshot.extensions.source is Source.FABRIC:
            return  # it says nothing of extensions, not that there are none
        try:
            gone = self._store.remove_vanished(handler.name for handler in snapshot.extensions.handlers)
        except HostError as error:
            self._log.error("handlers.unreadable", problem=error)
            return
        if gone:
            self._log.info("handlers.vanished", removed=", ".join(gone))

    def _refuse_all(self, snapshot: Snapshot) -> None:
        for item in work_list(snapshot.extensions):
            code = Code.ENABLE if item.wish is Wish.ENABLE else Code.DISABLE
            text = (
                f"{item.title} will not be processed: extensions are disabled by the configuration of this machine. "
                "Set extensions.enabled = true (Extensions.Enabled=y in waagent.conf) to allow them."
            )
            self._runner.fail(item, HandlerError(text, code=code), forbidden=True)

    def _aggregate(self, snapshot: Snapshot, status: str, code: Code, text: str) -> GoalStateAggregate:
        self._log.info("goal_state.processed", id=snapshot.extensions.id, status=status, code=int(code))
        return GoalStateAggregate(
            status=status,
            code=int(code),
            message=Message(message=text),
            svd_sequence_number=snapshot.extensions.svd_sequence_number,
            finished=seconds_to_text(self._clock.now()),
        )
