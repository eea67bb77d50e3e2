"""Seconds to text."""

from time import gmtime, strftime


def utc(now: float) -> str:
    """Seconds since 1970 as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(now))
