"""The lock of the fabric lease, and news of a new grant: the ports of host/lease_ports.py over flock and dnotify."""

from __future__ import annotations

import atexit
import fcntl
import os
import signal
import struct
from typing import TYPE_CHECKING

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC  # in a guest shell the folder is not to be written to
_CHANGES = fcntl.DN_MODIFY | fcntl.DN_CREATE | fcntl.DN_DELETE | fcntl.DN_RENAME | fcntl.DN_MULTISHOT
_SET_OWNER, _A_THREAD = 15, 0
"""F_SETOWN_EX and F_OWNER_TID of <fcntl.h>, which the standard library does not name."""
_FALLBACK = 0.05
"""How long is waited where the kernel tells nothing, seconds."""


class FlockLease:
    """A lock held on an open file, which is made where it is missing. There is nothing in it to read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, *, wait: bool) -> bool:
        """Have it from now on. Says whether that worked. Raises: HostError."""
        if self._descriptor is not None:
            return True
        try:
            try:
                descriptor = os.open(self._path, _FLAGS)
            except FileNotFoundError:
                descriptor = os.open(self._path, _FLAGS | os.O_CREAT, 0o600)
        except OSError as error:
            raise HostError(
                f"cannot open {self._path}, the lock of the fabric lease: {error.strerror}"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def give(self) -> None:
        """Let somebody else have it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class SignalledFolder:
    """A folder whose changes the kernel tells by a signal (dnotify): no thread, no library, and through bind mounts too.

    Where the kernel cannot, `wait` is short and `call` does nothing.
    """

    def __init__(self, folder: Path) -> None:
        """Made by the main thread, before there are others."""
        signal.signal(signal.SIGIO, lambda *_: None)  # without it the first news would end this process
        atexit.register(signal.signal, signal.SIGIO, signal.SIG_IGN)  # and so would news while it ends
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
        self._told = True
        try:
            self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            # The main thread alone: a thread that does not block the signal would take it, and `wait` would not end.
            fcntl.fcntl(self._descriptor, _SET_OWNER, struct.pack("ii", _A_THREAD, os.getpid()))
            fcntl.fcntl(self._descriptor, fcntl.F_NOTIFY, _CHANGES)
        except OSError:
            self._told = False

    def wait(self, seconds: float) -> None:
        """Let time pass until something changes, at most `seconds`."""
        signal.sigtimedwait({signal.SIGIO}, seconds if self._told else min(seconds, _FALLBACK))

    def call(self, action: Callable[[], object]) -> None:
        """Have `action` called at each change from now on, in the main thread."""
        signal.signal(signal.SIGIO, lambda *_: action())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGIO})
