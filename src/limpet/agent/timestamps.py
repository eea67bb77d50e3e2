"""Seconds to text."""

from datetime import UTC, datetime


def utc(now: float) -> str:
    """Seconds since 1970 as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
