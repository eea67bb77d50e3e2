"""What an agent takes: its largest process's memory, seen from outside, and what its commands need to start."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from limpet.lab.machine import Machine

EVERY = 0.01
"""Seconds between two looks at the memory of an agent's processes."""
KILOBYTE = 1024
LONGEST_START = 60.0

# Runs a command again and again from a small process: seconds of the clock and of CPU, a line for each run.
TIMED = """\
import os, sys, time
null = os.open(os.devnull, os.O_RDWR)
quiet = [(os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1, 2)]
for _ in range(int(sys.argv[1])):
    began = time.perf_counter()
    child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ, file_actions=quiet)
    _, status, used = os.wait4(child, 0)
    took = time.perf_counter() - began
    if status:
        sys.exit(f"{' '.join(sys.argv[2:])} ended with {os.waitstatus_to_exitcode(status)}")
    print(took, used.ru_utime + used.ru_stime)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """What one run of a command took. wall, cpu: seconds; of CPU also what its children took."""

    wall: float
    cpu: float


def started(machine: Machine, argv: Sequence[str], times: int) -> list[Start]:
    """Run a command some times in a machine, one run after the other. Raises: LabError, when one fails."""
    answer = machine.run(["python3", "-ISc", TIMED, str(times), *argv], timeout=LONGEST_START).checked()
    runs = [line.split() for line in answer.splitlines()]
    return [Start(wall=float(wall), cpu=float(cpu)) for wall, cpu in runs]


class Peak:
    """The most memory that one process of a control group has had so far."""

    def __init__(self, cgroup: Path, proc: Path = Path("/proc")) -> None:
        self._cgroup = cgroup
        self._proc = proc
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """As seen until now; 0 before its first process."""
        return self._bytes

    def look(self) -> None:
        """Take note of the peaks of all processes that there are now, in the groups below too."""
        for member in (self._cgroup, *self._cgroup.glob("**/*/")):
            with suppress(OSError):  # the group has gone
                for pid in (member / "cgroup.procs").read_text(encoding="ascii").split():
                    with suppress(OSError):  # or the process
                        self._bytes = max(self._bytes, high_water(self._proc / pid / "status"))


def high_water(status: Path) -> int:
    """A process's peak of resident memory, bytes; 0 when it has none any more. Source: proc_pid_status(5), VmHWM.

    Raises: OSError, when there is no such process.
    """
    for line in status.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * KILOBYTE
    return 0


@contextmanager
def watched(cgroup: Path) -> Iterator[Peak]:
    """The peak of a control group that may not be there yet, looked at from a thread until the end."""
    peak, ended = Peak(cgroup), threading.Event()

    def watch() -> None:
        while not ended.wait(EVERY):
            peak.look()

    thread = threading.Thread(target=watch, name="peak")
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
