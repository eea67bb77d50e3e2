"""The resident agent's threads: poll, work and report each in one of their own, chores in the first.

They meet at the board, so status goes on while a handler's command runs for an hour. When one of them fails the whole agent
ends, and the service manager starts it anew: no thread is ever found dead later.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from limpet.model.errors import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.agent.build import Agent
    from limpet.agent.lease import FabricLease
    from limpet.host.ports import Log

LOST = 4
"""The exit code of an agent that has lost the fabric lease."""
STATUS_FIRST = 0.5
"""How long other work waits for the first report, where it ends a time without any, seconds: it would take its processor."""
GRACE = 60.0
"""How long a handler's command that runs at the end may go on, seconds."""


class Tasks:
    """Poll, work and report in threads of their own, chores in this one; when one fails, the agent ends."""

    def __init__(
        self,
        agent: Agent,
        log: Log,
        lease: FabricLease | None = None,
        abort: Callable[[], object] = lambda: None,
    ) -> None:
        """lease: the right to talk, where that is not a matter of course. abort: ends every exchange that goes on."""
        self._agent = agent
        self._log = log
        self._lease = lease
        self._abort = abort
        self._failed: list[str] = []

    def run(self) -> int:
        """Run until a signal or a failure. Gives the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _frame: self._stop(received))
        tasks = {"poll": self._poll, "work": self._work, "report": self._report}
        threads = [threading.Thread(target=self._guarded, args=item, name=item[0]) for item in tasks.items()]
        for thread in threads:
            thread.daemon = True
            thread.start()
        self._guarded("chores", self._chores)
        self._fall_silent()
        for thread in threads:
            thread.join(GRACE if thread.name == "work" else 5.0)
        if self.lost:
            self._agent.close()
            self._log.error("agent.lost_lease", problem=self.lost, exit_code=LOST)
            return LOST
        if not any(thread.is_alive() for thread in threads if thread.name == "report"):
            self._guarded("report", self._last_report)  # what the work has come to since that task ended
        self._agent.close()
        self._log.info("agent.ended", failed=", ".join(self._failed) or None)
        return 1 if self._failed else 0

    @property
    def lost(self) -> str | None:
        """Why this agent may not talk to the fabric any more."""
        return None if self._lease is None else self._lease.lost

    def look_at_lease(self) -> None:
        """End when the fabric lease has gone to somebody else."""
        if self._lease is not None and not self._lease.still_ours():
            self._abort()
            self._agent.board.stop()

    def _fall_silent(self) -> None:
        """Let the next holder talk at once when the lease is lost; a handler's command may take longer to end."""
        if self._lease is not None and self._lease.lost:
            self._lease.let_go()

    def _stop(self, number: int) -> None:
        if self._agent.board.stopping:
            self._agent.commands.stop()  # asked twice: do not wait for the handler
        self._log.info("agent.stopping", signal=signal.Signals(number).name)
        self._agent.board.stop()

    def _guarded(self, name: str, task: Callable[[], None]) -> None:
        try:
            task()
        except LeaseLost:
            self.look_at_lease()
        except BaseException as error:  # noqa: BLE001 - the top of a task: log and let the service manager restart us
            import traceback  # noqa: PLC0415 - it brings the tokenizer along, for the one time it is needed

            self._log.error(
                "agent.task_failed", task=name, problem=repr(error), traceback=traceback.format_exc()
            )
            self._failed.append(name)
            self._agent.board.stop()

    def _poll(self) -> None:
        while not self._agent.board.stopping:
            self.look_at_lease()
            self._pause(self._agent.poller.poll())

    def _work(self) -> None:
        board = self._agent.board
        if self._lease is not None:
            board.await_report(STATUS_FIRST)
        while not board.stopping:
            seen = board.count
            if not self._agent.worker.work():
                board.wait(seen, None)

    def _report(self) -> None:
        board = self._agent.board
        while not board.stopping:
            seen = board.count
            board.wait(seen, self._agent.reporter.report())
        self._last_report()

    def _last_report(self) -> None:
        self._agent.reporter.report(last=True)

    def _chores(self) -> None:
        while not self._agent.board.stopping:
            self._pause(self._agent.chores.do())

    def _pause(self, seconds: float) -> None:
        """Let time pass, ended early only by the end of the agent."""
        self._agent.board.pause(seconds)
