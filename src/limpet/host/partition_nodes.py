"""Having the kernel know a disk's partitions, whether it can read their table itself or not."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import struct
from pathlib import Path

from limpet.guest.partition_table import MIB, read_table
from limpet.host.clock import Deadline, RealClock

_BLKRRPART, _BLKPG, _BLKSSZGET, _BLKGETSIZE64 = 0x125F, 0x1269, 0x1268, 0x80081272
_ADD_PARTITION = 1
_BUSY_SECONDS, _BUSY_PAUSE = 10.0, 0.05


def renew(descriptor: int) -> None:
    """Have an opened disk's table read; the nodes of its partitions are there when this returns.

    A kernel without the format in it is told of the partitions. Raises: OSError, when one of them is in use.
    """
    _have_it_read(descriptor)
    known = _known(descriptor)
    size, block = _number(descriptor, _BLKGETSIZE64, "Q"), _number(descriptor, _BLKSSZGET, "i")
    table = read_table(os.pread(descriptor, MIB, 0), size=size, block=block)
    for entry in table.entries if table and not table.damaged else ():
        if entry.number not in known:
            _add(descriptor, entry.number, entry.start, entry.size)


def _have_it_read(descriptor: int) -> None:
    """Somebody who only looks at a partition just now is waited for."""
    deadline, clock = Deadline(_BUSY_SECONDS), RealClock()
    while True:
        try:
            fcntl.ioctl(descriptor, _BLKRRPART)
        except OSError as error:
            if error.errno != errno.EBUSY or deadline.over:
                raise
        else:
            return
        clock.sleep(_BUSY_PAUSE)


def _known(descriptor: int) -> set[int]:
    """The numbers of the partitions that the kernel has."""
    device = os.fstat(descriptor).st_rdev
    folder = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    return {int(each.read_text(encoding="ascii")) for each in folder.glob("*/partition")}


def _number(descriptor: int, request: int, layout: str) -> int:
    (number,) = struct.unpack(layout, fcntl.ioctl(descriptor, request, bytes(struct.calcsize(layout))))
    return int(number)


def _add(descriptor: int, number: int, start: int, size: int) -> None:
    partition = array.array("B", struct.pack("qqi64s64s4x", start, size, number, b"", b""))
    address, length = partition.buffer_info()
    fcntl.ioctl(descriptor, _BLKPG, struct.pack("iiiP", _ADD_PARTITION, 0, length, address))
