"""Block devices of this machine: the Devices port."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from limpet.host import partition_nodes
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_EJECT, _LOCK_DOOR = 0x5309, 0x5329


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

        table: they change the partition table, which the kernel reads anew before this returns; refused while a partition is
        in use. Raises: HostError.
        """
        with _node_of_our_own(path) as node, _opened(node, os.O_RDWR, path) as descriptor:
            for offset, content in pieces:
                view = memoryview(content)
                while view:
                    view = view[os.pwrite(descriptor, view, offset + len(content) - len(view)) :]
                os.fsync(descriptor)
            if table:
                partition_nodes.renew(descriptor)

    def eject(self, path: Path) -> None:
        """Open the drive. Raises: HostError."""
        with _opened(path, os.O_RDONLY | os.O_NONBLOCK) as descriptor:
            with suppress(OSError):
                fcntl.ioctl(descriptor, _LOCK_DOOR, 0)
            fcntl.ioctl(descriptor, _EJECT)


@contextmanager
def _node_of_our_own(path: Path) -> Iterator[Path]:
    """Another node for the same device, as long as this lasts; the device's own where none can be made.

    udev watches a disk's node: some time after a writer has closed it, udev has the partition table read again, and then a
    partition vanishes for an instant, just when a file system is made on it or mounted.
    """
    own = path.with_name(f".limpet-{path.name}-{os.getpid()}")
    try:
        found = path.stat()
        own.unlink(missing_ok=True)
        os.mknod(own, stat.S_IFMT(found.st_mode) | 0o600, found.st_rdev)
        os.close(os.open(own, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:  # no such device, no right to make nodes, or a file system mounted without devices
        with suppress(OSError):
            own.unlink()
        yield path
        return
    try:
        yield own
    finally:
        own.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path, flags: int, shown: Path | None = None) -> Iterator[int]:
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if not stat.S_ISBLK(os.fstat(descriptor).st_mode):
                raise HostError(f"{shown or path} is not a block device")
            yield descriptor
        finally:
            os.close(descriptor)
    except (OSError, OverflowError, ValueError) as error:
        raise HostError(f"{shown or path}: {getattr(error, 'strerror', None) or error}") from error
