"""The temporary disk of a lab machine, as the platform gives it: known by its device id, with one partition, empty.

A machine of the lab has no udev that would make nodes of partitions: the partition is a loop device of its own.
"""

from __future__ import annotations

import fcntl
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

from limpet.lab.commands import LabError
from limpet.lab.provisioning.hardware import Hardware, loop_device, vmbus_device

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DISK, PARTITION = "sdb", "sdb1"
DEVICE_ID = "00000000-0001-8899-0000-000000000000"
"""Of the controller of a generation 1 VM that has this disk. Source: guest-setup.md §A.10.1."""
SIZE, START = 512 * 1024 * 1024, 1024 * 1024
"""Bytes: of the disk, and before its partition. Memory is needed only for what is written."""

_BLOCK = 512
_NTFS_TYPE = 0x07
_FLUSH_BUFFERS = 0x1261
"""BLKFLSBUF of Linux."""


@contextmanager
def temporary_disk(image: Path) -> Iterator[Hardware]:
    """A new disk over the file `image`, until the end. Raises: LabError."""
    with image.open("wb") as file:
        file.write(partition_table())
        file.truncate(SIZE)
    with (
        loop_device(image, writable=True) as disk,
        loop_device(image, writable=True, offset=START) as partition,
    ):
        yield Hardware(
            sysfs={**vmbus_device(DEVICE_ID), **sysfs(_number(disk), _number(partition))},
            drives={DISK: disk, PARTITION: partition},
        )


def partition_table() -> bytes:
    """One partition over the rest of the disk, of the platform's type. Source: the MBR as of PC DOS."""
    entry = struct.pack("<B3xB3xII", 0, _NTFS_TYPE, START // _BLOCK, (SIZE - START) // _BLOCK)
    return entry.rjust(446 + 16, b"\0").ljust(510, b"\0") + b"\x55\xaa"


def sysfs(disk: str, partition: str) -> Mapping[str, str]:
    """What the kernel would say of them below /sys. disk, partition: major and minor numbers."""
    block = f"block/{DISK}"
    place = f"bus/vmbus/devices/{DEVICE_ID}/host1/target1:0:1/1:0:1:0/block/{DISK}/dev"
    files = {
        place: disk,
        f"{block}/dev": disk,
        f"{block}/ro": "0",
        f"{block}/size": str(SIZE // _BLOCK),
        f"{block}/queue/logical_block_size": str(_BLOCK),
        f"{block}/{PARTITION}/dev": partition,
        f"{block}/{PARTITION}/partition": "1",
        f"{block}/{PARTITION}/start": str(START // _BLOCK),
        f"{block}/{PARTITION}/size": str((SIZE - START) // _BLOCK),
    }
    return {path: f"{text}\n" for path, text in files.items()}


def forget_reads(disk: Path) -> None:
    """Let what was read of a disk be forgotten, as when its last reader has closed it; here the lab keeps it open.

    What was written by way of its partition since then is seen after this. Raises: LabError.
    """
    try:
        with disk.open("rb") as opened:
            fcntl.ioctl(opened, _FLUSH_BUFFERS)
    except OSError as error:
        raise LabError(f"cannot flush {disk}: {error.strerror}") from error


def _number(device: Path) -> str:
    number = device.stat().st_rdev
    return f"{number >> 8 & 0xFFF}:{number & 0xFF | number >> 12 & 0xFFF00}"
