"""The lock of the fabric lease on its file: the FabricLock port. Who holds it, and who waits, the kernel says in /proc/locks."""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.host.ports import Clock

_LOCKS = Path("/proc/locks")
_PAUSE = 0.005


class RealFabricLock:
    """Held as long as this process lives, or until it is given. Not shared between threads."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._descriptor: int | None = None

    def take(self, *, timeout: float) -> bool:
        """Have it from now on. Says whether that worked within `timeout` seconds. Raises: HostError."""
        if self._descriptor is not None:
            return True
        descriptor = self._open()
        deadline = self._clock.monotonic() + timeout
        while not _locked(descriptor):
            if self._clock.monotonic() >= deadline:
                os.close(descriptor)
                return False
            self._clock.sleep(_PAUSE)
        self._descriptor = descriptor
        return True

    def give(self) -> None:
        """Let somebody else have it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def is_free(self) -> bool:
        """Whether nobody has it now. It is not taken for that, so that nobody who waits is kept out."""
        return self._descriptor is None and not self._processes(waiting=False)

    def waiting(self) -> bool:
        """Whether somebody waits for it."""
        return bool(self._processes(waiting=True))

    def end_holder(self) -> None:
        """Kill the process that has it; nothing happens when nobody has it."""
        for process in self._processes(waiting=False) - {os.getpid()}:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)

    def _open(self) -> int:
        try:
            self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HostError(f"cannot open the fabric lock {self._path}: {error.strerror}") from error

    def _processes(self, *, waiting: bool) -> set[int]:
        """Those that hold it, or wait for it. A process that this one cannot see has no number, and is left out."""
        try:
            found = self._path.stat()
            lines = _LOCKS.read_text("ascii", "replace").splitlines()
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise HostError(f"cannot see who has the fabric lock: {error.strerror}") from error
        file = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
        return {
            int(words[-4]) for line in lines if (words := line.split()) and file in words and ("->" in words) == waiting
            and words[-4].isdecimal() and int(words[-4]) > 0
        }  # fmt: skip


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
