"""Ticks: 100 ns units since 0001-01-01T00:00:00Z, as both control planes date their goal states.

The calendar is computed here: the resident agent would otherwise keep `datetime` in memory for this alone.
"""

from __future__ import annotations

import re

UNKNOWN_TIME = "0001-01-01T00:00:00.000000Z"
"""The placeholder for a missing creation time. Source: wire-protocol.md §14."""

_PER_SECOND = 10_000_000
_PER_DAY = 86_400 * _PER_SECOND
_LAST_DAY = 3_652_058  # 9999-12-31, counted from 0001-01-01
_UNIX_EPOCH_TICKS = 621_355_968_000_000_000
_TEXT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{6})Z\Z", re.ASCII)
_FROM_MARCH = (0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337)
"""Days before each month of a year that begins in March, so that a leap day is its last."""


def ticks_to_text(ticks: str | float | None) -> str:
    """Ticks as ``YYYY-MM-DDTHH:MM:SS.ffffffZ``, comparable as text; unusable ones are the year 0001."""
    try:
        days, within = divmod(_whole(ticks or 0), _PER_DAY)
    except (ValueError, OverflowError):
        return UNKNOWN_TIME
    if not 0 <= days <= _LAST_DAY:
        return UNKNOWN_TIME
    seconds, fraction = divmod(within, _PER_SECOND)
    year, month, day = _date(days)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{year:04}-{month:02}-{day:02}T{clock}.{fraction // 10:06}Z"


def _whole(ticks: str | float) -> int:
    try:
        return int(ticks)
    except ValueError:  # the peer reads ticks as a double, so such a text is a time to it
        return int(float(ticks))


def seconds_to_text(seconds: float) -> str:
    """Seconds since 1970 as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return ticks_to_text(unix_to_ticks(seconds))[:19] + "Z"


def text_to_ticks(text: str) -> int:
    """The inverse of `ticks_to_text`. Raises: ValueError."""
    match = _TEXT.match(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a time such as {UNKNOWN_TIME}")
    year, month, day, hour, minute, second, micro = map(int, match.groups())
    if not 1 <= month <= 12:
        raise ValueError(f"{text!r} has no such month")
    days = _days(year, month, day)
    if (year, month, day) != _date(max(days, 0)) or hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"{text!r} is not in the calendar")
    return days * _PER_DAY + (hour * 3600 + minute * 60 + second) * _PER_SECOND + micro * 10


def unix_to_ticks(seconds: float) -> int:
    """Seconds since 1970 as ticks."""
    return _UNIX_EPOCH_TICKS + round(seconds * 1_000_000) * 10


def _days(year: int, month: int, day: int) -> int:
    """Days from 0001-01-01 to a date of the Gregorian calendar."""
    year, month = (year, month - 3) if month >= 3 else (year - 1, month + 9)
    return year * 365 + year // 4 - year // 100 + year // 400 + _FROM_MARCH[month] + day - 307


def _date(days: int) -> tuple[int, int, int]:
    """The date that is `days` after 0001-01-01."""
    # A first guess at the year (counted from March) is off by one at the most.
    year = (days + 306) * 400 // 146_097
    while _days(year + 1, 3, 1) <= days:
        year += 1
    while _days(year, 3, 1) > days:
        year -= 1
    within = days - _days(year, 3, 1)
    month = max(index for index, before in enumerate(_FROM_MARCH) if before <= within)
    day = within - _FROM_MARCH[month] + 1
    return (year, month + 3, day) if month < 10 else (year + 1, month - 9, day)
