"""A queue of posts that may be lost in the end: sent no faster than the fabric takes them, each tried a few times.

Source: wire-protocol.md §8.3.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from limpet.wire.http import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from limpet.agent.fabric import Fabric
    from limpet.host.ports import Clock, Log
    from limpet.wire.http import Request, Response

CALLS, PERIOD = 12, 15.0
"""So many in so many seconds: the fabric takes 15, and others on this VM may post too."""
ATTEMPTS = 3
AGAIN_AFTER = 8.0
"""A fabric that throttles, or does not answer, is left in peace for so long, seconds."""
MOST_WAITING = 32
"""Of up to 64 KiB each."""
_LATER = frozenset({Verdict.THROTTLED, Verdict.TRY_LATER})


class Posts:
    """A queue. Not shared between threads."""

    def __init__(self, fabric: Fabric, clock: Clock, log: Log) -> None:
        self._fabric = fabric
        self._clock = clock
        self._log = log
        self._waiting: deque[Request] = deque()
        self._tried = 0
        self._sent: deque[float] = deque(maxlen=CALLS)
        self._not_before = 0.0

    def add(self, requests: Iterable[Request]) -> None:
        """Take posts to be sent, in order. What is too much is lost."""
        lost = 0
        for request in requests:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(request)
            else:
                lost += 1
        if lost:
            self._log.warning("telemetry.too_much", lost=lost)

    def flush(self) -> float | None:
        """Send what may go now. Gives the seconds until more may, None when nothing waits any more."""
        while self._waiting:
            now = self._clock.monotonic()
            free = self._sent[0] + PERIOD if len(self._sent) == CALLS else now
            wait = max(self._not_before, free) - now
            if wait > 0:
                return wait
            self._sent.append(now)
            response = self._fabric.send(self._waiting[0])
            self._tried += 1
            verdict = None if response is None else judge(response)
            if (verdict is None or verdict in _LATER) and self._tried < ATTEMPTS:
                self._not_before = self._clock.monotonic() + AGAIN_AFTER
                continue
            self._waiting.popleft()
            self._tried = 0
            if verdict is not Verdict.ACCEPTED:
                self._lost(response)
        return None

    def _lost(self, response: Response | None) -> None:
        self._log.warning("telemetry.lost", status=None if response is None else response.status)
