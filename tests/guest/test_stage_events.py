"""What the supervisor wants told by telemetry: read as it was written, and whatever is wrong with it is said."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.stage_events import (
    HANDOVER,
    LARGEST,
    MOST,
    ROLL_BACK,
    StageEvent,
    parse_events,
    render_events,
)
from limpet.model.errors import MalformedDocument

EVENT = StageEvent(
    number=17,
    at=1.7e9,
    operation=HANDOVER,
    left="handing-over",
    entered="steady",
    driver="frr",
    nics=3,
    gap=0.0712,
)
WORDS = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20)
EVENTS = st.builds(
    StageEvent,
    number=st.integers(1, 10**9),
    at=st.floats(0, 1e10),
    operation=st.sampled_from([HANDOVER, ROLL_BACK]),
    left=WORDS,
    entered=WORDS,
    driver=WORDS,
    nics=st.integers(0, 64),
    attempts=st.integers(0, 100),
    gap=st.none() | st.floats(0, 1e6),
    reason=st.none() | WORDS,
)


@given(st.lists(EVENTS, max_size=MOST))
def test_what_is_written_is_read(events: list[StageEvent]) -> None:
    assert parse_events(render_events(events)) == tuple(events)


def test_only_the_last_few_wait() -> None:
    events = [EVENT] * 50
    assert len(parse_events(render_events(events))) == MOST


def test_a_reason_is_one_line_of_bounded_length() -> None:
    long = StageEvent(
        number=1, at=1.0, operation=ROLL_BACK, left="a", entered="b", driver="c", nics=1, reason="x\ny" * 1000
    )
    (found,) = parse_events(render_events([long]))
    assert found.reason is not None
    assert "\n" not in found.reason
    assert len(found.reason) <= 500


def test_the_message_says_all_of_it_on_one_line() -> None:
    assert json.loads(EVENT.message()) == {
        "from": "handing-over",
        "to": "steady",
        "networkOs": "frr",
        "nics": 3,
        "attempts": 0,
        "gap": 0.071,
    }


ROW = json.loads(render_events([EVENT]))["events"][0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"x" * (LARGEST + 1),
        b'{"version": 1}',
        b'{"version": 1, "events": [3]}',
        *(
            json.dumps({"version": 1, "events": [{**ROW, **wrong}]}).encode()
            for wrong in (
                {"number": "1"},
                {"number": True},
                {"at": -1},
                {"operation": ""},
                {"from": None},
                {"nics": None},
                {"gap": "long"},
                {"reason": 3},
            )
        ),
    ],
)
def test_what_is_wrong_with_it_is_said(content: bytes) -> None:
    with pytest.raises(MalformedDocument, match=r"events\.json"):
        parse_events(content)
