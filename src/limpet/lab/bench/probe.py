"""What a service uses, read from its control group: nothing runs inside the machine for it."""

from __future__ import annotations

from pathlib import Path

from limpet.lab.commands import LabError

KILOBYTE = 1024
MEGABYTE = 1_000_000


def cpu_seconds(cgroup: Path) -> float:
    """CPU time of everything that ever ran in it, processes that have ended too. Source: cgroup-v2, cpu.stat.

    Raises: LabError, also where the kernel does not tell.
    """
    for line in _text(cgroup / "cpu.stat").splitlines():
        name, _, value = line.partition(" ")
        if name == "usage_usec":
            return int(value) / 1e6
    raise LabError(f"{cgroup}/cpu.stat has no usage_usec")


def processes(cgroup: Path) -> list[int]:
    """Its processes as this machine numbers them. Raises: LabError."""
    return [int(line) for line in _text(cgroup / "cgroup.procs").split()]


def memory_megabytes(pids: list[int], proc: Path = Path("/proc")) -> float:
    """Proportional set size of processes together, in 10^6 bytes: what is shared with others counts by its share.

    Source: proc_pid_smaps(5). Raises: LabError.
    """
    return sum(_pss(proc / str(pid) / "smaps_rollup") for pid in pids) * KILOBYTE / MEGABYTE


def _pss(rollup: Path) -> int:
    for line in _text(rollup).splitlines():
        name, _, value = line.partition(":")
        if name == "Pss":
            return int(value.split()[0])
    raise LabError(f"{rollup} has no Pss")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}") from error
