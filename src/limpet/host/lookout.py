"""The Lookout port on Linux: the kernel's own answers and news, by sockets."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_NETFILTER = 12  # NETLINK_NETFILTER
_RULES = 1 << 6  # the multicast group NFNLGRP_NFTABLES, 7, as bind() counts
_LARGEST = 64 * 1024
_MOST_MESSAGES = 4096
_DISCARD = 9


class RealLookout:
    """Not shared between threads."""

    def __init__(self, tables: Sequence[bytes]) -> None:
        """tables: the names of the nftables tables of interest; what happens to others is nothing new."""
        self._marks = [name + b"\0" for name in tables]
        self._first = True
        self._news: socket.socket | None = None
        try:
            self._news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
            self._news.bind((0, _RULES))
            self._news.setblocking(False)
        except OSError:  # a kernel without nftables has no news of it
            self.close()

    def source_for(self, address: str) -> str | None:
        """The address from which packets go to an IPv4 address; None where the kernel knows no way there.

        The socket of a datagram is connected, and nothing is sent.
        """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            try:
                asking.connect((address, _DISCARD))
                found = asking.getsockname()[0]
            except OSError:
                return None
        return found if isinstance(found, str) else None

    def rules_changed(self) -> bool:
        """Whether the kernel has told of a change in tables of interest, or may have. True the first time."""
        changed, self._first = self._first, False
        if self._news is None:
            return changed
        for _ in range(_MOST_MESSAGES):
            try:
                message = self._news.recv(_LARGEST)
            except BlockingIOError:
                return changed
            except OSError:  # there was more than the kernel could keep for us
                return True
            changed = changed or any(mark in message for mark in self._marks)
        return True

    def close(self) -> None:
        """Hear no more news."""
        if self._news is not None:
            self._news.close()
            self._news = None
