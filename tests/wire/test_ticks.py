"""Ticks and their text."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.strategies import ticks

from limpet.wire.ticks import UNKNOWN_TIME, text_to_ticks, ticks_to_text, unix_to_ticks

if TYPE_CHECKING:
    from typing import Any


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0001-01-01T00:00:00.000000Z"),
        (10, "0001-01-01T00:00:00.000001Z"),
        (19, "0001-01-01T00:00:00.000001Z"),
        (621_355_968_000_000_000, "1970-01-01T00:00:00.000000Z"),
        ("637726657706205217", "2021-11-16T13:22:50.620521Z"),
        (" 637726657706205217\n", "2021-11-16T13:22:50.620521Z"),
        ("6.355E+17", "2014-10-27T09:46:40.000000Z"),
        ("635500000000000000.0", "2014-10-27T09:46:40.000000Z"),
        (6.355e17, "2014-10-27T09:46:40.000000Z"),
        (3_155_378_975_999_999_999, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_ticks_become_text(count: Any, text: str) -> None:
    assert ticks_to_text(count) == text


@pytest.mark.parametrize(
    "count",
    [None, "", "0", "soon", "-1", -1, "1.5", "0x10", "nan", "inf", "1e999", "9" * 5000, "9" * 5000 + ".0", 10**40, 3_155_378_976_000_000_000, 1e300, float("inf"), float("nan")],
)  # fmt: skip
def test_ticks_that_make_no_time_are_the_first_year(count: Any) -> None:
    assert ticks_to_text(count) == UNKNOWN_TIME


@given(ticks, ticks)
def test_text_orders_as_ticks_do(first: int, second: int) -> None:
    assert (first // 10 < second // 10) == (ticks_to_text(first) < ticks_to_text(second))


@given(ticks)
def test_text_is_ticks_to_the_microsecond(count: int) -> None:
    assert text_to_ticks(ticks_to_text(count)) == count // 10 * 10


@given(st.integers(0, 4_000_000_000_000))
def test_seconds_since_1970_are_ticks_too(milliseconds: int) -> None:
    assert unix_to_ticks(milliseconds / 1000) == 621_355_968_000_000_000 + milliseconds * 10_000


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-02-29T00:00:00.000000Z",
        "2026-13-01T00:00:00.000000Z",
        "2026-00-01T00:00:00.000000Z",
        "2026-01-01T24:00:00.000000Z",
        "2026-01-01T00:00:00Z",
    ],
)
def test_what_is_no_such_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|has no"):
        text_to_ticks(text)


@given(st.dates())
def test_the_calendar_is_the_standard_librarys(day: date) -> None:
    text = f"{day.isoformat()}T00:00:00.000000Z"
    count = (day - date(1, 1, 1)).days * 864_000_000_000
    assert (ticks_to_text(count), text_to_ticks(text)) == (text, count)
