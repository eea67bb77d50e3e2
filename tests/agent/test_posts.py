"""Posts that may be lost: paced, tried again, and bounded."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from tests.agent.parts import PLUGIN, WIRE

from limpet.agent.fabric import Fabric
from limpet.agent.posts import AGAIN_AFTER, ATTEMPTS, CALLS, MOST_WAITING, PERIOD, Posts
from limpet.host.fake import FakeMachine, nobody
from limpet.wire.http import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable


class Bench:
    def __init__(self, answer: Callable[[Request], Response] = lambda _: Response(status=200)) -> None:
        self.fake = fake = FakeMachine()
        self.taken: list[tuple[float, str]] = []
        self.answer = answer
        fake.http.served = self.serve
        fabric = Fabric(fake.http, fake.clock, fake.chance, wire_server=WIRE, host_plugin=PLUGIN)
        self.posts = Posts(fabric, fake.clock, fake.log)

    def serve(self, request: Request) -> Response:
        self.taken.append((self.fake.clock.monotonic(), request.url))
        return self.answer(request)

    def add(self, count: int) -> None:
        self.posts.add(Request(method="POST", url=f"http://f/{number}") for number in range(count))

    def live(self) -> None:
        while (wait := self.posts.flush()) is not None:
            assert wait > 0
            self.fake.clock.sleep(wait)

    def complaints(self, event: str) -> int:
        return sum(entry.event == event for entry in self.fake.log.entries)


def test_no_more_go_in_a_period_than_the_fabric_takes_and_all_go_in_their_order() -> None:
    bench = Bench()
    bench.add(30)
    bench.live()
    assert [url for _, url in bench.taken] == [f"http://f/{number}" for number in range(30)]
    times = [time for time, _ in bench.taken]
    assert all(later - earlier >= PERIOD for earlier, later in zip(times, times[CALLS:], strict=False))
    assert times[-1] - times[0] == 2 * PERIOD


@pytest.mark.parametrize("status", [403, 429, 503, 500, None])
def test_a_fabric_that_takes_nothing_is_asked_three_times_with_pauses(status: int | None) -> None:
    bench = Bench(nobody if status is None else lambda _: Response(status=status or 0))
    bench.add(1)
    bench.live()
    times = [time for time, _ in bench.taken]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [AGAIN_AFTER] * 2
    assert bench.complaints("telemetry.lost") == 1


def test_what_is_refused_for_good_is_not_sent_again() -> None:
    bench = Bench(lambda _: Response(status=400))
    bench.add(2)
    assert bench.posts.flush() is None
    assert len(bench.taken) == 2
    assert bench.complaints("telemetry.lost") == 2


def test_a_fabric_that_throttles_for_a_while_gets_everything_in_the_end() -> None:
    answers = iter([429] * (ATTEMPTS - 1))
    bench = Bench(lambda _: Response(status=next(answers, 200)))
    bench.add(3)
    bench.live()
    assert [url for _, url in bench.taken] == ["http://f/0"] * ATTEMPTS + ["http://f/1", "http://f/2"]
    assert bench.complaints("telemetry.lost") == 0


def test_what_waits_is_bounded() -> None:
    bench = Bench()
    bench.add(MOST_WAITING + 5)
    bench.live()
    assert len(bench.taken) == MOST_WAITING
    assert bench.complaints("telemetry.too_much") == 1
