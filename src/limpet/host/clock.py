"""Real time, and deadlines measured by it. The only module that may ask the machine what time it is."""

from __future__ import annotations

import time


class RealClock:
    """This machine's clock: the Clock port."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never jumps."""
        return time.monotonic()  # noqa: TID251 - this is the port's adapter

    def now(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z; may jump."""
        return time.time()  # noqa: TID251 - this is the port's adapter

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        time.sleep(seconds)  # noqa: TID251 - this is the port's adapter


class Deadline:
    """The end of something bounded. It is made where the work begins and handed down to each of its parts."""

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float) -> None:
        """seconds: from now."""
        self.seconds = seconds
        self._end = time.monotonic() + seconds  # noqa: TID251 - an adapter's own deadline is real time

    def left(self) -> float:
        """Seconds until the end; never negative."""
        return max(0.0, self._end - time.monotonic())  # noqa: TID251 - an adapter's own deadline is real time

    @property
    def over(self) -> bool:
        """Whether the end has come."""
        return self.left() == 0.0
