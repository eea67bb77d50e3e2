"""Ticks: 100 ns units since 0001-01-01T00:00:00Z, as both control planes date their goal states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

UNKNOWN_TIME = "0001-01-01T00:00:00.000000Z"
"""The placeholder for a missing creation time. Source: wire-protocol.md §14."""

_EPOCH = datetime(1, 1, 1, tzinfo=UTC)
_UNIX_EPOCH_TICKS = 621_355_968_000_000_000


def ticks_to_text(ticks: str | float | None) -> str:
    """Ticks as ``YYYY-MM-DDTHH:MM:SS.ffffffZ``, comparable as text; unusable ones are the year 0001.

    Source: wire-protocol.md §5.5. Unlike the peers, who count in doubles, no microsecond is lost.
    """
    try:
        moment = _EPOCH + timedelta(microseconds=int(ticks or 0) // 10)
    except (ValueError, OverflowError):
        return UNKNOWN_TIME
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(len(UNKNOWN_TIME), "0")


def text_to_ticks(text: str) -> int:
    """The inverse of `ticks_to_text`. Raises: ValueError."""
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 10_000_000 + delta.microseconds * 10


def unix_to_ticks(seconds: float) -> int:
    """Seconds since 1970 as ticks."""
    return _UNIX_EPOCH_TICKS + round(seconds * 1_000_000) * 10
