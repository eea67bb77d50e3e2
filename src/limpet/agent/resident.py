"""The resident agent: what stays in memory. Builds everything, runs the tasks, ends on a signal."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

from limpet.agent import build
from limpet.agent.running import HEAPS, Running
from limpet.host.clock import RealClock
from limpet.host.log import open_log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.agent.build import Agent
    from limpet.host.ports import Log

GRACE = 60.0
"""How long a handler's command that runs at the end may go on, seconds."""
_LARGEST = 64 * 1024


def main(argv: Sequence[str]) -> int:
    """Run the agent. argv: the descriptor of the file that says how. Gives the exit code."""
    os.environ.pop(HEAPS, None)
    descriptor = int(argv[0])
    running = Running.parse(os.pread(descriptor, _LARGEST, 0))
    os.close(descriptor)
    log = open_log(running.log_file)
    return Tasks(build.build(running, RealClock(), log), log).run()


class Tasks:
    """Poll, work and report in threads of their own, chores in this one; when one fails, the agent ends."""

    def __init__(self, agent: Agent, log: Log) -> None:
        self._agent = agent
        self._log = log
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
        for thread in threads:
            thread.join(GRACE if thread.name == "work" else 5.0)
        if not any(thread.is_alive() for thread in threads if thread.name == "report"):
            self._guarded("report", self._last_report)  # what the work has come to since that task ended
        self._agent.close()
        self._log.info("agent.ended", failed=", ".join(self._failed) or None)
        return 1 if self._failed else 0

    def _stop(self, number: int) -> None:
        if self._agent.board.stopping:
            self._agent.commands.stop()  # asked twice: do not wait for the handler
        self._log.info("agent.stopping", signal=signal.Signals(number).name)
        self._agent.board.stop()

    def _guarded(self, name: str, task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:  # noqa: BLE001 - the top of a task: log and let the service manager restart us
            import traceback  # noqa: PLC0415 - it brings the tokenizer along, for the one time it is needed

            self._log.error(
                "agent.task_failed", task=name, problem=repr(error), traceback=traceback.format_exc()
            )
            self._failed.append(name)
            self._agent.board.stop()

    def _poll(self) -> None:
        while not self._agent.board.stopping:
            self._pause(self._agent.poller.poll())

    def _work(self) -> None:
        board = self._agent.board
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
