"""What the supervisor has written down for telemetry is sent once, by the agent that has the fabric lease."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.agent.parts import snapshot
from tests.agent.test_telemetry import Bench, parameters

from limpet.agent.handed import NAME, Handed
from limpet.agent.news import News
from limpet.guest.agent_news import LARGEST, NEWS, parse_news
from limpet.guest.stage_events import EVENTS, HANDOVER, ROLL_BACK, StageEvent, render_events

EXCHANGE = Path("/run/limpet/appliance")


class Told(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.fake.files.make_folder(EXCHANGE)
        self.news = News(EXCHANGE, 7, self.fake.files, self.fake.clock, self.fake.log)
        self.handed = Handed(EXCHANGE, self.fake.files, self.fake.log, self.news)
        self.board.adopt(snapshot())

    def write(self, *events: StageEvent) -> None:
        self.fake.clock.sleep(1.0)
        self.fake.files.replace(EXCHANGE / EVENTS, render_events(events))

    def told(self) -> int:
        return parse_news(self.fake.files.read(EXCHANGE / NEWS, at_most=LARGEST)).told


def event(number: int, operation: str = HANDOVER, gap: float | None = 0.071) -> StageEvent:
    return StageEvent(
        number=number,
        at=1.7e9,
        operation=operation,
        left="handing-over",
        entered="steady",
        driver="frr",
        nics=3,
        gap=gap,
    )


def test_an_event_says_how_long_the_gap_was_and_when_and_is_told_of() -> None:
    bench = Told()
    bench.write(event(17))
    bench.handed.send(bench.telemetry)
    (posted,) = bench.posted
    found = parameters(posted)
    assert (found["Name"], found["Operation"], found["OperationSuccess"]) == (NAME, HANDOVER, True)
    assert (found["Duration"], found["Message"]) == (71, event(17).message())
    assert str(found["OpcodeName"]).startswith("2023-11-14T22:13:20")
    assert bench.told() == 17


def test_a_handover_that_was_taken_back_is_no_success() -> None:
    bench = Told()
    bench.write(event(17, ROLL_BACK, None))
    bench.handed.send(bench.telemetry)
    found = parameters(bench.posted[0])
    assert (found["Operation"], found["OperationSuccess"], found["Duration"]) == (ROLL_BACK, False, 0)


def test_what_was_sent_is_not_sent_again_when_more_comes() -> None:
    bench = Told()
    bench.write(event(17))
    bench.handed.send(bench.telemetry)
    bench.handed.send(bench.telemetry)
    bench.write(event(17), event(21))
    bench.handed.send(bench.telemetry)
    assert len(bench.posted) == 2
    assert bench.told() == 21


def test_with_nothing_written_down_the_agents_own_events_go_all_the_same() -> None:
    bench = Told()
    bench.did()
    bench.handed.send(bench.telemetry)
    assert len(bench.posted) == 1
    assert not bench.handed.is_new()


@pytest.mark.parametrize("content", [b"", b"{", b"x" * (1 << 17)])
def test_a_file_that_cannot_be_used_is_logged_once_and_keeps_nothing_back(content: bytes) -> None:
    bench = Told()
    bench.fake.files.replace(EXCHANGE / EVENTS, content)
    bench.did()
    for _ in range(3):
        bench.handed.send(bench.telemetry)
    assert len(bench.posted) == 1
    assert len([each for each in bench.fake.log.entries if each.event == "events.unusable"]) == 1
