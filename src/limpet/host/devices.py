"""Block devices of this machine: the Devices port."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_EJECT, _LOCK_DOOR = 0x5309, 0x5329
_READ_TABLE = 0x125F


class RealDevices:
    """Devices under /dev."""

    def read(self, path: Path, offset: int, size: int) -> bytes:
        """`size` bytes of a block device from `offset` on; fewer at its end. Raises: HostError, with the system's reason."""
        with _opened(path, os.O_RDONLY) as descriptor:
            pieces = bytearray()
            while len(pieces) < size and (
                piece := os.pread(descriptor, size - len(pieces), offset + len(pieces))
            ):
                pieces += piece
        return bytes(pieces)

    def write(self, path: Path, pieces: Sequence[tuple[int, bytes]], *, table: bool = False) -> None:
        """Write pieces (offset, content), each on the medium before the next.

        table: they change the partition table, which the kernel reads anew before this returns. Raises: HostError, also
        when the device is in use.
        """
        with _opened(path, os.O_RDWR | os.O_EXCL) as descriptor:
            for offset, content in pieces:
                view = memoryview(content)
                while view:
                    view = view[os.pwrite(descriptor, view, offset + len(content) - len(view)) :]
                os.fsync(descriptor)
            if table:
                fcntl.ioctl(descriptor, _READ_TABLE)

    def eject(self, path: Path) -> None:
        """Open the drive. Raises: HostError."""
        with _opened(path, os.O_RDONLY | os.O_NONBLOCK) as descriptor:
            fcntl.ioctl(descriptor, _LOCK_DOOR, 0)
            fcntl.ioctl(descriptor, _EJECT)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if not stat.S_ISBLK(os.fstat(descriptor).st_mode):
                raise HostError(f"{path} is not a block device")
            yield descriptor
        finally:
            os.close(descriptor)
    except (OSError, OverflowError, ValueError) as error:
        raise HostError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
