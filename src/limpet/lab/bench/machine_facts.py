"""What the benches run on, and when: the facts at the head of every outcome."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path

from limpet.lab.clock import now


def machine_facts() -> dict[str, str]:
    """This machine and the day, by names for people."""
    return {
        "when": datetime.fromtimestamp(now(), UTC).strftime("%Y-%m-%d"),
        "processor": f"{_told('/proc/cpuinfo', 'model name')}, {platform.machine()}, {_cores()} cores",
        "memory": f"{int(_told('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "kernel": platform.release(),
    }


def load_before() -> dict[str, str]:
    """How busy this machine is, to be asked before anything is measured."""
    return {"load before, of 1 minute": Path("/proc/loadavg").read_text(encoding="ascii").split()[0]}


def _told(file: str, name: str) -> str:
    """The first value of a name in a file of the kernel's; ``?`` when it is not told."""
    for line in Path(file).read_text(encoding="ascii", errors="replace").splitlines():
        key, _, found = line.partition(":")
        if key.strip() == name:
            return found.strip()
    return "?"


def _cores() -> int:
    text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    return sum(line.startswith("processor") for line in text.splitlines())
