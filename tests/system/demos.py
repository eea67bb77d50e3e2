"""Demos as a user runs them, without a terminal, and what this machine still has of one that has ended."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab import cgroups
from limpet.lab.clock import wait_for
from limpet.lab.commands import LabError
from limpet.lab.workspace import BASE, NETWORKS

if TYPE_CHECKING:
    from collections.abc import Sequence


LONGEST, TO_END, LETTING_GO = 600.0, 180.0, 60.0
"""Seconds that a demo may take, that it may take to end when it is told to, and until all of it has gone."""


def command(demo: str, *arguments: str) -> list[str]:
    """The command line of one of the lab's demos."""
    return [sys.executable, "-m", "limpet", "lab", demo, *arguments]


def started(demo: str, *arguments: str) -> subprocess.Popen[str]:
    """A demo that is running, its output in pipes."""
    return subprocess.Popen(
        command(demo, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "FORCE_COLOR": "1"},
    )


def traces(pid: int) -> list[str]:
    """What this machine still has of the demo that ran as process `pid`."""
    name = f"limpet-{pid}-"
    folders = [BASE, NETWORKS, cgroups.unified_hierarchy()]
    found = [str(entry) for folder in folders for entry in folder.iterdir() if entry.name.startswith(name)]
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")
    found += [line for line in mounts.splitlines() if name in line]
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            backing = file.read_text(encoding="utf-8")
        except OSError:
            continue  # it has just gone
        if name in backing:
            found.append(f"{file}: {backing}")
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes()
        except OSError:
            continue  # it has just ended
        if name.encode() in command:
            found.append(f"{process}: {command!r}")
    return found


def left(pid: int) -> list[str]:
    """What stays of it; what was just killed has a moment to end."""
    with suppress(LabError):
        wait_for(lambda: not traces(pid), "all of it to go", timeout=LETTING_GO, pause=0.1)
    return traces(pid)


def assert_in_order(text: str, patterns: Sequence[str]) -> None:
    """Every pattern matches after the end of the one before it."""
    at = 0
    for pattern in patterns:
        match = re.compile(pattern, re.MULTILINE).search(text, at)
        assert match, f"{pattern!r} is not in what follows:\n{text[at:]}"
        at = match.end()


def assert_ends_without_trace(process: subprocess.Popen[str], number: int) -> None:
    """A demo that is told to end by a signal ends without a complaint, and what it made goes."""
    assert traces(process.pid)
    process.send_signal(number)
    _, complaints = process.communicate(timeout=TO_END)
    assert process.returncode == 130, complaints
    assert complaints == ""
    assert left(process.pid) == []
