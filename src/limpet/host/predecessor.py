"""The command of an agent that was here before and did not live to see its end: whoever comes after it waits for that end.

Otherwise two commands of one handler would run at a time, the second with the package unpacked under the first.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.host.ports import Clock

LONGEST = 900.0
"""The longest time that any command may take, seconds. Source: extensions.md §4.3."""
_DEATH = 5.0
_LARGEST = 1024
_STARTED = 19
"""The place of a process's beginning behind its name in /proc/PID/stat."""


def note(record: Path, pid: int, ends: float, folder: str = "") -> None:
    """Leave word of a command that begins. ends: when its time is over, on the monotonic clock. folder: its handler's, by name."""
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(record, flags, 0o600)
        try:
            os.write(descriptor, f"{pid} {_started(pid)} {ends:.3f}\n{folder}\n".encode("utf-8", "replace"))
        finally:
            os.close(descriptor)


def settle(record: Path, clock: Clock, tell: Callable[[str, float], None]) -> float | None:
    """Wait for the command that `record` tells of; kill its group when its own time is over. Gives how long, None where none runs.

    tell: is given its handler's folder by name, and the most seconds that it will be waited for, before that begins.
    """
    began = clock.monotonic()
    try:
        descriptor = os.open(record, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            first, _, rest = os.read(descriptor, _LARGEST).decode("utf-8").partition("\n")
        finally:
            os.close(descriptor)
        pid, started, ends = first.split()
        seconds = max(0.0, min(float(ends) - began, LONGEST))
        runs = _await(int(pid), started, seconds, lambda: tell(rest.partition("\n")[0], seconds))
    except (OSError, ValueError, OverflowError):
        return None  # there is no record, or no such process
    return clock.monotonic() - began if runs else None


def _await(pid: int, started: str, seconds: float, begin: Callable[[], None]) -> bool:
    """Say whether it ran. Raises: OSError."""
    process = os.pidfd_open(pid)
    try:
        if _started(pid) != started or os.getsid(pid) != pid or os.getpgid(pid) != pid:
            return False  # the number is somebody else's by now: a command leads a session and a group
        poll = select.poll()
        poll.register(process, select.POLLIN)
        if not poll.poll(0):
            begin()
        if not poll.poll(1000 * seconds):
            os.killpg(pid, signal.SIGKILL)
            poll.poll(1000 * _DEATH)
        return True
    finally:
        os.close(process)


def _started(pid: int) -> str:
    """When a process began, in the kernel's ticks. Raises: OSError."""
    return (
        Path(f"/proc/{pid}/stat")
        .read_text(encoding="utf-8", errors="replace")
        .rpartition(")")[2]
        .split()[_STARTED]
    )
