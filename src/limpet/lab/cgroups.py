"""A cgroup for each machine, in the unified hierarchy, also where the controllers are bound to version 1."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab.clock import wait_for
from limpet.lab.commands import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator

TIME_TO_EMPTY = 60.0
TIME_TO_FREEZE = 60.0


def unified_hierarchy(mounts: Path = Path("/proc/self/mounts")) -> Path:
    """Where cgroup2 is mounted: /sys/fs/cgroup, or /sys/fs/cgroup/unified in the hybrid layout. Raises: LabError."""
    for line in mounts.read_text(encoding="utf-8").splitlines():
        _, folder, kind, *_ = line.split()
        if kind == "cgroup2" and os.access(folder, os.W_OK):
            return Path(folder)
    raise LabError("no writable cgroup2 is mounted: mount -t cgroup2 none /sys/fs/cgroup/unified")


def make(name: str) -> Path:
    """Make a cgroup and give its folder. Raises: LabError."""
    folder = unified_hierarchy() / name
    try:
        folder.mkdir()
    except OSError as error:
        raise LabError(f"cannot make the cgroup {folder}: {error.strerror}") from error
    return folder


@contextmanager
def frozen(folder: Path) -> Iterator[None]:
    """Nothing in a cgroup runs until the end; it can be killed. Raises: LabError."""
    switch = folder / "cgroup.freeze"
    try:
        switch.write_text("1", encoding="ascii")
        wait_for(
            lambda: "frozen 1" in (folder / "cgroup.events").read_text(encoding="ascii"),
            f"{folder} to freeze",
            timeout=TIME_TO_FREEZE,
            pause=0.002,
        )
        yield
    finally:
        switch.write_text("0", encoding="ascii")


def kill(folder: Path) -> None:
    """Kill everything in a cgroup at once, also while it is frozen. Raises: LabError."""
    try:
        (folder / "cgroup.kill").write_text("1", encoding="ascii")
    except OSError as error:
        raise LabError(f"cannot kill what is in {folder}: {error.strerror}") from error


def remove(folder: Path) -> None:
    """Remove a cgroup whose processes have been killed, with all below it. Raises: LabError, when they stay."""
    wait_for(lambda: _removed(folder), f"the processes in {folder} to end", timeout=TIME_TO_EMPTY)


def _removed(folder: Path) -> bool:
    """Folders of a cgroup hold no files that could be removed: only the folders go, deepest first."""
    try:
        for below, _, _ in os.walk(folder, topdown=False):
            os.rmdir(below)  # noqa: PTH106
    except OSError:
        return not folder.exists()
    return True
