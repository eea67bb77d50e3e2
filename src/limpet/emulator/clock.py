"""The emulator's only place with time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What time it is; a scenario may jump it."""

    def now(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z."""

    def elapsed(self) -> float:
        """Seconds on a clock that never steps back; only differences mean something."""


class SystemClock:
    """This machine's clocks."""

    def now(self) -> float:
        """Wall time."""
        return time.time()  # noqa: TID251 - the one reading of wall time in the emulator

    def elapsed(self) -> float:
        """Monotonic time."""
        return time.monotonic()  # noqa: TID251 - the one reading of the monotonic clock in the emulator
