"""Wakes drives while this process still loads: the first read of a disc takes longer than all of that."""

from __future__ import annotations

import os
import re
import threading
from contextlib import suppress

_DRIVE = re.compile(r"sr\d+\Z")
_START, _SIZE = 32 * 1024, 512 * 1024
"""Where a disc's volumes and its few files are."""


def wake_drives(folder: str = "/dev") -> threading.Thread:
    """Read the beginning of every disc, in a thread that nobody need wait for."""
    thread = threading.Thread(target=_wake, args=(folder,), name="drives", daemon=True)
    thread.start()
    return thread


def _wake(folder: str) -> None:
    with suppress(OSError):
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 - before anything is loaded
            if _DRIVE.match(name):
                with suppress(OSError):
                    _read(f"{folder}/{name}")


def _read(path: str) -> None:
    drive = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.pread(drive, _SIZE, _START)
    finally:
        os.close(drive)
