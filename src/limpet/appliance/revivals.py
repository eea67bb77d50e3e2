"""How often the network OS was got going again: how long to wait before the next try, and what is borne because nothing helped."""

from __future__ import annotations

_FLAPPING = 300.0
"""Revivals longer ago than this many seconds are forgotten."""
_LONGEST_PAUSE = 30.0
_AGAIN, _AGAIN_LONGEST = 30.0, 600.0
"""When what is borne is tried again, seconds: it doubles."""


class Revivals:
    """Times are of the monotonic clock. A cause is the word of a `Pulse`."""

    def __init__(self) -> None:
        self._recent: list[float] = []
        self._borne: set[str | None] = set()
        self._until = 0.0
        self._times = 0
        self.problem: str | None = None
        """Of what was borne last, for people."""

    def patience(self, now: float) -> float:
        """How long is waited before it is revived now: nothing at first, more when that is done again and again."""
        self._recent = [*(each for each in self._recent if now - each < _FLAPPING), now][-16:]
        return float(min(2.0 ** max(0, len(self._recent) - 3) - 1.0, _LONGEST_PAUSE))

    def bear(self, now: float, cause: str | None, problem: str | None = None) -> None:
        """It cannot be mended, and forwards: it is left alone for a while that grows."""
        self._borne.add(cause)
        self.problem = problem
        self._until = now + min(_AGAIN * 2.0 ** min(self._times, 16), _AGAIN_LONGEST)
        self._times += 1

    def bears(self, now: float, cause: str | None) -> bool:
        """Whether nothing is to be done about it now. Another cause is another matter."""
        return now < self._until and cause in self._borne

    def bearing(self, now: float) -> bool:
        """Whether anything is borne now."""
        return now < self._until

    def well(self) -> None:
        """All is well again."""
        self._borne.clear()
        self._until, self._times = 0.0, 0
