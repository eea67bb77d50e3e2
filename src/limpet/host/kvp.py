"""The guest's pool of key-value pairs: the KeyValues port. Source: guest-setup.md §D.4."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.model.errors import HostError
from limpet.wire.kvp import MOST_RECORDS, RECORD_SIZE, render_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.host.ports import Clock

FOLDERS = (Path("/var/lib/hyperv"), Path("/var/opt/hyperv"))
DEVICE = Path("/dev/vmbus/hv_kvp")
"""The kernel's side; the daemon that makes the folder may start after us."""
POOL = ".kvp_pool_1"
_LOCK_TRIES, _LOCK_PAUSE = 50, 0.02


class RealKeyValues:
    """The pool file of guest to host. The hypervisor's daemon uses record locks on it, and so do we."""

    def __init__(
        self, clock: Clock, uptime: float, folders: Sequence[Path] = FOLDERS, device: Path = DEVICE
    ) -> None:
        """uptime: seconds since the kernel started; what is older than that in the pool is of another boot."""
        self._clock = clock
        self._uptime = uptime
        self._folders = folders
        self._device = device
        self._fresh = False

    def tell(self, pairs: Sequence[tuple[str, str]]) -> bool:
        """Add pairs to the pool; what an earlier boot left there is dropped first. A long value goes in parts under one key.

        Says whether anybody listens here. Raises: HostError.
        """
        folder = next((each for each in self._folders if each.is_dir()), None)
        if folder is None:
            if not self._folders or not self._device.exists():
                return False
            folder = self._folders[0]
        path = folder / POOL
        try:
            folder.mkdir(0o755, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            try:
                self._lock(descriptor)
                self._add(descriptor, b"".join(render_pairs(key, value) for key, value in pairs))
            finally:
                os.close(descriptor)  # the lock goes with it
        except OSError as error:
            raise HostError(f"cannot write to {path}: {error.strerror or error}") from error
        return True

    def _lock(self, descriptor: int) -> None:
        """The daemon holds it for moments only; whoever holds it longer does not stop us from booting."""
        for tried in range(_LOCK_TRIES):
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except (BlockingIOError, PermissionError):
                if tried + 1 == _LOCK_TRIES:
                    raise
                self._clock.sleep(_LOCK_PAUSE)

    def _add(self, descriptor: int, records: bytes) -> None:
        found = os.fstat(descriptor)
        size = found.st_size - found.st_size % RECORD_SIZE  # a record that was cut by a power loss is none
        if not self._fresh and found.st_mtime < self._clock.now() - self._uptime:
            size = 0
        self._fresh = True
        if size != found.st_size:
            os.ftruncate(descriptor, size)
        room = max(0, MOST_RECORDS * RECORD_SIZE - size)
        view = memoryview(records[:room])
        while view:
            written = os.pwrite(descriptor, view, size)
            view, size = view[written:], size + written
