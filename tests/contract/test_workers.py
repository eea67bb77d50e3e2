"""The Workers port: the same behaviour from functions and from interpreters of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from limpet.host.clock import RealClock
from limpet.host.fake import FakeMachine
from limpet.host.ports import Completed
from limpet.host.workers import RealWorkers
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.host.fake_workers import Order
    from limpet.host.ports import Clock, Work, Workers

ECHO = "tests.contract.worker_program"


@dataclass
class Bench:
    workers: Workers
    clock: Clock

    def done(self, work: Work) -> Completed:
        while (done := work.ended()) is None:
            self.clock.sleep(0.01)
        return done


def _echo(order: Order) -> Completed:
    said = " ".join(order.arguments).encode() + b"|" + order.given
    return Completed(exit_code=len(order.arguments), stdout=said, stderr=b"said\n", seconds=0)


@pytest.fixture(params=["fake", "real"])
def bench(request: pytest.FixtureRequest) -> Bench:
    if request.param == "real":
        return Bench(RealWorkers(RealClock()), RealClock())
    machine = FakeMachine()
    machine.workers.programs[ECHO] = _echo
    return Bench(machine.workers, machine.clock)


def test_a_worker_gets_its_words_and_input_and_is_heard(bench: Bench) -> None:
    done = bench.done(bench.workers.start(ECHO, "a b", "c", given=b"in\0put"))
    assert (done.exit_code, done.stdout, done.stderr) == (2, b"a b c|in\0put", b"said\n")
    done = bench.done(bench.workers.start(ECHO, "--x", "--", "a", "--"))
    assert (done.exit_code, done.stdout) == (4, b"--x -- a --|")


@pytest.mark.parametrize("gentle", [False, True])
def test_what_it_said_is_there_as_often_as_it_is_asked_for(gentle: bool, bench: Bench) -> None:
    work = bench.workers.start(ECHO, gentle=gentle)
    assert bench.done(work) == work.ended()


def test_a_killed_worker_has_ended(bench: Bench) -> None:
    if isinstance(bench.workers, RealWorkers):
        work: Work = bench.workers.start("tests.contract.worker_program", "hang")
    else:
        bench.workers.takes = 1000.0  # type: ignore[attr-defined] # the fake's
        work = bench.workers.start(ECHO, "hang")
    assert work.ended() is None
    work.kill()
    done = work.ended()
    assert done is not None
    assert done.exit_code == -9


def test_what_is_no_program_fails(bench: Bench) -> None:
    start: Callable[[], Completed] = lambda: bench.done(bench.workers.start("limpet.absent"))  # noqa: E731
    if isinstance(bench.workers, RealWorkers):
        assert start().exit_code == 1
    else:
        with pytest.raises(HostError):
            start()
