"""When a report goes, and which way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.agent.parts import LAYOUT, PLUGIN, WIRE, goal_state, machine_goal_state, ports, snapshot

from limpet.agent.board import Board, Snapshot
from limpet.agent.fabric import Fabric
from limpet.agent.history import History
from limpet.agent.reporter import LOOK_EVERY, WORKING, Pace, Reporter
from limpet.host.fake import FakeMachine, nobody
from limpet.model.errors import HostError
from limpet.model.status import AgentStatus, GuestInfo, Message
from limpet.wire.goalstate import render_goal_state
from limpet.wire.hostplugin import parse_status_request
from limpet.wire.http import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.wire.http import Request

GUEST = GuestInfo(computer_name="vm", os_name="debian", os_version="12", agent_version="0")
HEARTBEAT = 60.0


class Built:
    """Stands for the report: says what a test wants said."""

    def __init__(self) -> None:
        self.word = "first"
        self.error: HostError | None = None

    def build(self) -> AgentStatus:
        if self.error is not None:
            raise self.error
        return AgentStatus(timestamp="t", guest=GUEST, message=Message(message=self.word))


class Files:
    """Stands for the statuses: whether a file that was read has changed."""

    now = False

    def changed(self) -> bool:
        return self.now


class Bench:
    def __init__(self) -> None:
        self.fake, self.board, self.built, self.statuses = FakeMachine(), Board(), Built(), Files()
        self.sent: list[tuple[str, str]] = []
        self.plugin: list[int] = [200]
        self.storage: list[int] = [201]
        self.fake.http.served = self.fabric
        self.fake.fetcher.served = self.direct
        fabric = Fabric(
            self.fake.http, self.fake.clock, self.fake.chance, wire_server=WIRE, host_plugin=PLUGIN
        )
        history = History(self.fake.files, self.fake.clock, self.fake.log, LAYOUT.history)
        self.reporter = Reporter(
            self.board,
            self.built,  # type: ignore[arg-type] # what the reporter asks of it
            self.statuses,  # type: ignore[arg-type]
            fabric,
            history,
            ports(self.fake),
            heartbeat=HEARTBEAT,
        )

    def fabric(self, request: Request) -> Response:
        if "comp=goalstate" in request.url:
            return Response(status=200, body=render_goal_state(machine_goal_state()))
        return self.answer("host plugin", self.plugin, parse_status_request(request.body).body)

    def direct(self, request: Request) -> Response:
        return self.answer("direct", self.storage, request.body)

    def answer(self, way: str, answers: list[int], body: bytes) -> Response:
        status = answers.pop(0) if len(answers) > 1 else answers[0]
        self.sent.append((way, self.built.word if self.built.word.encode() in body else "?"))
        return Response(status=status)

    def live(self, seconds: float, act: Callable[[], None] = lambda: None) -> None:
        """Look again and again, as the task does."""
        end = self.fake.clock.monotonic() + seconds
        while self.fake.clock.monotonic() < end:
            act()
            self.fake.clock.sleep(max(0.01, self.reporter.report()))


def test_nothing_is_reported_before_there_is_a_place_for_it() -> None:
    bench = Bench()
    assert bench.reporter.report() == LOOK_EVERY
    bench.board.adopt(
        Snapshot(round=1, goal_state=machine_goal_state(), extensions=goal_state(status_upload=None))
    )
    bench.live(10)
    assert bench.sent == []
    bench.board.adopt(snapshot(number=2))
    bench.reporter.report()
    assert bench.sent == [("host plugin", "first")]


def test_a_change_goes_at_once_and_the_same_again_only_as_heartbeat() -> None:
    bench = Bench()
    bench.board.adopt(snapshot())
    bench.reporter.report()
    bench.live(HEARTBEAT - 5)
    assert len(bench.sent) == 1
    bench.built.word = "second"
    bench.board.ring()
    bench.reporter.report()
    assert bench.sent[-1] == ("host plugin", "second")
    bench.live(10 * HEARTBEAT)
    assert 11 <= len(bench.sent) <= 13


def test_a_ring_without_a_change_sends_nothing() -> None:
    bench = Bench()
    bench.board.adopt(snapshot())
    bench.live(30, bench.board.ring)
    assert len(bench.sent) == 1


def test_a_changed_file_is_reason_enough_to_look() -> None:
    bench = Bench()
    bench.board.adopt(snapshot())
    bench.live(5)
    bench.built.word = "second"
    bench.statuses.now = True
    bench.live(3)
    assert bench.sent[-1] == ("host plugin", "second")


def test_a_quick_series_of_changes_is_not_a_quick_series_of_reports_but_its_end_is_reported() -> None:
    bench = Bench()
    bench.board.adopt(snapshot())
    bench.board.begin()
    numbers = iter(range(10_000))

    def change() -> None:
        bench.built.word = f"word-{next(numbers)}"
        bench.board.ring()

    bench.live(30, change)
    assert len(bench.sent) < 50
    bench.built.word = "last"
    bench.board.finish(None)
    bench.reporter.report()
    assert bench.sent[-1] == ("host plugin", "last")


def test_while_work_goes_on_the_heartbeat_is_quicker() -> None:
    bench = Bench()
    bench.board.adopt(snapshot())
    bench.board.begin()
    bench.live(60)
    assert len(bench.sent) >= 60 / (WORKING + LOOK_EVERY) - 1


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_what_the_host_plugin_refuses_goes_directly_at_once(status: int) -> None:
    bench = Bench()
    bench.plugin = [status]
    bench.board.adopt(snapshot())
    bench.reporter.report()
    assert [way for way, _ in bench.sent] == ["host plugin", "direct"]
    bench.live(30)
    assert len(bench.sent) == 2


def test_a_stale_identity_drops_the_report_for_the_next_one() -> None:
    bench = Bench()
    bench.plugin = [410, 200]
    bench.board.adopt(snapshot())
    bench.live(2)
    assert [way for way, _ in bench.sent] == ["host plugin", "host plugin"]


def test_an_identity_that_stays_stale_does_not_keep_the_report_from_going() -> None:
    bench = Bench()
    bench.plugin = [410]
    bench.board.adopt(snapshot())
    bench.live(5)
    assert [way for way, _ in bench.sent] == ["host plugin", "host plugin", "direct"]


def test_a_report_that_nobody_took_is_sent_again_ever_less_often_and_never_given_up() -> None:
    bench = Bench()
    bench.plugin, bench.storage = [500], [500]
    bench.board.adopt(snapshot())
    bench.live(600)
    assert 80 <= len(bench.sent) / 2 <= 130
    bench.plugin = [200]
    bench.sent.clear()
    bench.live(WORKING + 1)
    assert bench.sent == [("host plugin", "first")]


def test_after_a_failure_even_what_was_accepted_before_is_sent_again() -> None:
    bench = Bench()
    bench.board.adopt(snapshot())
    bench.live(5)
    bench.plugin, bench.storage = [500, 200], [500]
    bench.built.word = "second"
    bench.board.ring()
    bench.reporter.report()
    bench.built.word = "first"
    bench.live(5)
    assert bench.sent[-1] == ("host plugin", "first")


def test_a_report_that_cannot_be_built_is_built_later() -> None:
    bench = Bench()
    bench.board.adopt(snapshot())
    bench.built.error = HostError("the disk")
    bench.live(5)
    assert bench.sent == []
    bench.built.error = None
    bench.live(3)
    assert bench.sent == [("host plugin", "first")]


def test_a_worker_that_cannot_be_started_is_a_failure_like_another() -> None:
    bench = Bench()
    bench.fake.http.served = nobody

    def broken(_: Request) -> Response:
        raise HostError("cannot start the download worker")

    bench.fake.fetcher.served = broken
    bench.board.adopt(snapshot())
    bench.live(5)
    assert bench.fake.log.of("status.not_accepted")


def test_the_pace_slows_down_in_a_series_and_is_quick_again_after_a_calm() -> None:
    pace = Pace()
    now, gaps = 100.0, []
    for _ in range(8):
        wait = pace.wait(now)
        gaps.append(wait)
        now += wait
        pace.sent(now)
    assert gaps[0] == 0
    assert gaps[1] == pytest.approx(Pace.FIRST)
    assert gaps[-1] == pytest.approx(Pace.SLOWEST)
    assert pace.wait(now + Pace.CALM) == 0
