"""Processes on one virtual clock: each runs until it waits, then the next one that is due. Nothing is decided by chance.

Each process is a greenlet; the world that drives them is the hub. What a process raises ends the world's run, as a defect or
as a power cut.
"""

from __future__ import annotations

import heapq
import itertools
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenlet import getcurrent, greenlet

from limpet.host.fake import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable


class Killed(BaseException):
    """SIGKILL: raised where a process waits, so that it does nothing more."""


@dataclass(eq=False)
class Process:
    """name: for the story. alive: whether it goes on."""

    name: str
    alive: bool = True
    body: greenlet | None = None
    children: list[Process] = field(default_factory=list)


class Time(FakeClock):
    """A clock for many processes."""

    def __init__(self) -> None:
        super().__init__()
        self.hub = getcurrent()
        self._of: dict[greenlet, Process] = {}
        self._waiters: dict[int, tuple[Callable[[], bool], Process]] = {}
        self._every = itertools.count()

    @property
    def running(self) -> Process | None:
        """The process that runs now; None for the world outside."""
        return self._of.get(getcurrent())

    def spawn(self, name: str, run: Callable[[], None], *, after: float = 0.0) -> Process:
        """Let a process begin, a moment later."""
        process = Process(name)

        def body() -> None:
            try:
                run()
            except Killed:
                pass
            finally:
                process.alive = False
                self._of.pop(getcurrent(), None)

        process.body = greenlet(body, parent=self.hub)
        self._of[process.body] = process
        self.after(after, lambda: self._resume(process))
        return process

    def kill(self, process: Process) -> None:
        """It does nothing more. A process may end itself so."""
        if not process.alive:
            return
        process.alive = False
        if self.running is process:
            raise Killed
        self.after(0.0, lambda: self._bury(process))

    def close(self) -> None:
        """Every process ends."""
        for body, process in list(self._of.items()):
            process.alive = False
            self._of.pop(body, None)
            _end(body)
        self._due.clear()
        self._waiters.clear()

    def _bury(self, process: Process) -> None:
        body = process.body
        self._waiters = {key: each for key, each in self._waiters.items() if each[1] is not process}
        if body is not None:
            self._of.pop(body, None)
            _end(body)

    def _resume(self, process: Process) -> None:
        if process.alive and process.body is not None:
            process.body.switch()

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """As FakeClock's; there are no threads here."""
        heapq.heappush(self._due, (self._monotonic + seconds, next(self._numbers), action))

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass; what is due in them happens, and other processes run."""
        process = self.running
        if process is None:
            self._drive(self._monotonic + max(0.0, seconds), lambda: False)
            return
        self.after(max(0.0, seconds), lambda: self._resume(process))
        self._leave(process)

    def wait(self, seconds: float, over: Callable[[], bool]) -> None:
        """Let time pass until `over` says so, at most `seconds`."""
        if over():
            return
        process = self.running
        if process is None:
            self._drive(self._monotonic + seconds, over)
            return
        if seconds <= 0:
            return
        number = next(self._every)
        self._waiters[number] = (over, process)

        def timed_out() -> None:
            if self._waiters.pop(number, None) is not None:
                self._resume(process)

        self.after(seconds, timed_out)
        self._leave(process)

    def _leave(self, process: Process) -> None:
        if not process.alive:
            raise Killed
        self.hub.switch()
        if not process.alive:
            raise Killed

    def _drive(self, end: float, over: Callable[[], bool]) -> None:
        while self._due and self._due[0][0] <= end and not over():
            moment, _, action = heapq.heappop(self._due)
            self._monotonic = max(self._monotonic, moment)
            action()
            self._wake()
        if not over():
            self._monotonic = max(self._monotonic, end)

    def _wake(self) -> None:
        """Let go on those whose wait is over."""
        again = True
        while again:
            again = False
            for number, (over, process) in self._waiters.items():
                if over():
                    del self._waiters[number]
                    self._resume(process)
                    again = True
                    break


def _end(body: greenlet) -> None:
    """Unwind it; what it tries to do on its way is nobody's business any more."""
    if body.dead or not body:
        return
    with suppress(BaseException):  # it is dead
        body.throw(Killed)
