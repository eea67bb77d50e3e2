"""Making a file that the kernel can swap to: no holes, never copied on write, for root alone."""

from __future__ import annotations

import fcntl
import os
import stat
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_GETFLAGS, _SETFLAGS, _NOCOW = 0x80086601, 0x40086602, 0x00800000
_ZEROS = 4 * 1024 * 1024


def kept(path: Path, size: int, head: bytes) -> bool:
    """Whether such a file is there already; its owner and mode are set right. Raises: OSError."""
    try:
        descriptor = os.open(path, _OPEN)
    except OSError:
        return False
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size or found.st_blocks * 512 < size:
            return False
        if found.st_nlink != 1 or os.pread(descriptor, len(head), 0) != head:
            return False
        os.fchown(descriptor, os.geteuid(), os.getegid())
        os.fchmod(descriptor, 0o600)
        return True
    finally:
        os.close(descriptor)


def make(path: Path, size: int, head: bytes, *, written: bool) -> None:
    """Make it anew; nothing is left when that fails. Raises: OSError."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, _CREATE, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        _never_copied(descriptor)
        if written:
            _write_zeros(descriptor, size)
        else:
            os.posix_fallocate(descriptor, 0, size)
        os.fsync(descriptor)
        if head:
            os.pwrite(descriptor, head, 0)
            os.fsync(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _never_copied(descriptor: int) -> None:
    """Tell btrfs, which must know while the file is empty; other file systems do not know the flag and need none."""
    with suppress(OSError):
        (flags,) = struct.unpack("l", fcntl.ioctl(descriptor, _GETFLAGS, struct.pack("l", 0)))
        fcntl.ioctl(descriptor, _SETFLAGS, struct.pack("l", flags | _NOCOW))


def _write_zeros(descriptor: int, size: int) -> None:
    zeros = memoryview(bytes(min(size, _ZEROS)))
    left = size
    while left > 0:
        left -= os.write(descriptor, zeros[: min(left, len(zeros))])
