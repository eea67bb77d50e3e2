"""News of NICs as the kernel has them: the LinkNews port, over netlink. Nothing is polled."""

from __future__ import annotations

import errno
import select
import socket
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.host.clock import Deadline
from limpet.model.errors import HostError, MalformedDocument
from limpet.wire.rtnetlink import LARGEST, LINKS, End, everything_request, parse_links

if TYPE_CHECKING:
    from limpet.model.network import LinkState

_LONGEST_POLL_MS = 24 * 3600 * 1000
_KEPT = 1024 * 1024
"""Bytes that the kernel keeps for us while nobody reads, as far as it allows."""


class RealLinkNews:
    """Not shared between threads. Where news was lost, all NICs are asked for again, so that only the way between is unknown."""

    def __init__(self) -> None:
        """Raises: HostError."""
        self._known: dict[int, LinkState] = {}
        self._told: set[int] | None = None
        self._waiting: deque[LinkState] = deque()
        self._sequence = 0
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
            )
        except OSError as error:
            raise HostError(f"the kernel has no news of NICs: {error.strerror}") from error
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KEPT)
            self._socket.bind((0, LINKS))
            self._socket.setblocking(False)
            self._ask()
        except OSError as error:
            self.close()
            raise HostError(f"the kernel has no news of NICs: {error.strerror}") from error

    def next(self, timeout: float) -> LinkState | None:
        """The next NIC that is there or has changed; None when nothing came in `timeout` seconds. Raises: HostError."""
        deadline = Deadline(max(0.0, timeout))
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while not self._waiting:
            # An answer that has begun is read to its end: the kernel has it ready.
            left = 1.0 if self._told is not None else deadline.left()
            if not poll.poll(min(left * 1000, _LONGEST_POLL_MS)):
                if self._told is None and deadline.over:
                    return None
                self._told = None
                continue
            self._read()
        return self._waiting.popleft()

    def fileno(self) -> int:
        """What becomes readable when there may be news."""
        return self._socket.fileno()

    def close(self) -> None:
        """Hear no more news."""
        with suppress(OSError):
            self._socket.close()

    def _ask(self) -> None:
        self._sequence += 1
        self._told = set()
        self._socket.send(everything_request(self._sequence))

    def _read(self) -> None:
        try:
            for each in parse_links(self._socket.recv(LARGEST)):
                if isinstance(each, End):
                    self._ended(each)
                else:
                    self._heard(each)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise HostError(f"no news of NICs from the kernel: {error.strerror}") from error
            self._ask()
        except MalformedDocument as error:
            raise HostError(f"no news of NICs from the kernel: {error}") from error

    def _heard(self, state: LinkState) -> None:
        if state.present:
            self._known[state.index] = state
            if self._told is not None:
                self._told.add(state.index)
        else:
            self._known.pop(state.index, None)
        self._waiting.append(state)

    def _ended(self, end: End) -> None:
        """What was known and is not told of any more was taken out while nobody heard of it."""
        told, self._told = self._told, None
        if told is None:
            return
        if not end.complete:
            self._ask()
            return
        for index in [each for each in self._known if each not in told]:
            self._waiting.append(replace(self._known.pop(index), present=False, up=False, connected=False))
