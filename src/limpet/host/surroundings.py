"""What wakes a supervisor: news of NICs, signals, and the wishes of operators. The Surroundings port."""

from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING

from limpet.host.link_news import RealLinkNews

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.host.ports import Clock

_WISH = signal.SIGUSR1
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SETTLING = 0.02
"""News of NICs comes in bursts; so long it is collected, seconds."""


class RealSurroundings:
    """One for a process: it takes SIGTERM, SIGINT and SIGHUP (``stop``) and SIGUSR1 (``wish``)."""

    def __init__(self, clock: Clock) -> None:
        """Raises: HostError."""
        self._clock = clock
        self._news = RealLinkNews()
        self._happened: set[str] = set()
        self._reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in _ENDING:
            signal.signal(number, lambda *_: self._happened.add("stop"))
        signal.signal(_WISH, lambda *_: self._happened.add("wish"))

    def wait(self, timeout: float) -> Sequence[str]:
        """Let time pass until something happens, at most `timeout` seconds; give words for what happened."""
        if not self._happened:
            poll = select.poll()
            poll.register(self._news.fileno(), select.POLLIN)
            poll.register(self._reader, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll(max(0.0, timeout) * 1000)}
            if self._reader in ready:
                os.read(self._reader, 4096)
            if self._news.fileno() in ready:
                self._collect()
        happened, self._happened = self._happened, set()
        return sorted(happened)

    def _collect(self) -> None:
        self._happened.add("link")
        while self._news.next(_SETTLING) is not None:
            pass
