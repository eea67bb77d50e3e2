"""The tasks side by side, as the agent runs them: real threads, real files, real time."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from tests.scenario.core import Core
from tests.scenario.handlers import SAMPLE, enable, package, uninstall
from tests.scenario.stage import Stage

from limpet.agent.tasks import Tasks
from limpet.config.settings import Config
from limpet.host.clock import RealClock
from limpet.host.fake import FakeMachine
from limpet.host.fake_work import FakeFetcher, FakeProcesses, FakeVault
from limpet.host.files import RealFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from limpet.host.fake_work import Invocation
    from limpet.wire.http import Request, Response


class SharedCore(Core):
    """A core that several threads may ask."""

    lock = threading.RLock()

    def exchange(self, request: Request) -> Response:
        with self.lock:
            return super().exchange(request)


def sharing(tmp_path: Path) -> Stage:
    clock, files, library = RealClock(), RealFiles(), tmp_path / "lib"
    machine = FakeMachine()
    core = SharedCore.start(clock, thumbprints=("A" * 40,))
    processes = FakeProcesses(files, clock)
    machine.files = files  # type: ignore[assignment] # what scripts write goes where the agent reads
    machine.processes = processes
    machine.http.served = core.exchange
    return Stage(
        machine=machine,
        core=core,
        config=Config(library=library, log_dir=tmp_path / "log"),
        ports={
            "files": files,
            "clock": clock,
            "vault": FakeVault(files, library),
            "fetcher": FakeFetcher(files, core.exchange),
        },
    )


class Running:
    """The tasks of an agent, each in a thread, until one fails or `end`."""

    def __init__(self, play: Stage) -> None:
        agent = play.agent
        self.board = agent.board
        self.failures: list[BaseException] = []
        steps = (agent.poller.poll, agent.worker.work, agent.reporter.report, agent.chores.do)
        self.threads = [threading.Thread(target=self._repeat, args=(step,), daemon=True) for step in steps]
        for thread in self.threads:
            thread.start()

    def until(self, arrived: Callable[[], bool]) -> None:
        """Let them run until something has come true, or for long enough that it never will."""
        deadline = RealClock().monotonic() + 120
        while not arrived() and not self.failures and RealClock().monotonic() < deadline:
            self.board.pause(0.005)

    def end(self) -> None:
        self.board.stop()
        for thread in self.threads:
            thread.join(60)

    def _repeat(self, step: Callable[[], object]) -> None:
        try:
            while not self.board.stopping:
                step()
                self.board.pause(0.001)
        except BaseException as error:  # noqa: BLE001 - it is what the test looks for
            self.failures.append(error)
            self.board.stop()


def reported(play: Stage) -> tuple[str, int] | None:
    """Version and sequence number of the one handler in the newest report."""
    with SharedCore.lock:
        report = play.core.vm.status
    handlers = report.status.handlers if report is not None and report.status is not None else ()
    if not handlers or handlers[0].settings is None:
        return None
    return handlers[0].version, handlers[0].settings.sequence_number


@pytest.fixture
def signals() -> Iterator[None]:
    """Signal handlers are the process's: what was there is put back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_what_a_handler_comes_to_while_the_agent_ends_is_reported(tmp_path: Path, signals: None) -> None:
    play = sharing(tmp_path)
    play.core.host(package())
    play.publish(enable())

    def end(run: Invocation) -> None:
        play.say(run, "transitioning")
        os.kill(os.getpid(), signal.SIGTERM)
        for thread in threading.enumerate():
            if thread.name == "report":
                thread.join(60)
        play.say(run, "success")

    play.parts["enable"] = end
    assert Tasks(play.agent, play.log).run() == 0
    assert play.state() == "success"
    assert play.entry().status == "Ready"


def test_a_task_that_fails_ends_the_agent_with_an_error(tmp_path: Path, signals: None) -> None:
    play = sharing(tmp_path)

    def bug(_: Request) -> Response:
        raise KeyError("bug")

    play.machine.http.served = bug
    assert Tasks(play.agent, play.log).run() == 1
    assert "poll" in play.log.of("agent.ended")[0]["failed"]


def test_goal_states_that_follow_each_other_while_everything_runs_end_in_the_last_one(tmp_path: Path) -> None:
    play = sharing(tmp_path)
    running = Running(play)
    for version in ("1.0.0", "2.0.0", "1.5.0", "3.0.0"):
        with SharedCore.lock:
            play.core.host(package(SAMPLE, version))
        for _ in range(3):
            with SharedCore.lock:
                play.publish(enable(version=version))
            running.board.pause(0.02)
    running.until(lambda: reported(play) == ("3.0.0", 11))
    assert reported(play) == ("3.0.0", 11)
    with SharedCore.lock:
        play.publish(uninstall())
    running.until(lambda: play.status.handlers == ())
    running.end()
    assert running.failures == []
    assert play.status.handlers == ()
    assert play.store.installed() == ()
    played = play.played
    for command in ("Sample-3.0.0 install", "Sample-3.0.0 disable", "Sample-3.0.0 uninstall"):
        assert played.count(command) == 1
