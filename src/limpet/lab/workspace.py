"""One run's place on this machine: a unique name for all it makes, and a folder in memory that goes with it.

Everything is named after the process that made it, so that labs run side by side and what a killed one left behind
is found and removed by the next.
"""

from __future__ import annotations

import itertools
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab import cgroups
from limpet.lab.commands import LabError, run
from limpet.lab.mounts import unmount

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = Path("/run")
NETWORKS = Path("/run/netns")
SIZE = "2g"
NAME = re.compile(r"limpet-(\d+)-(\d+)-\d+(?:-|$)")
"""The maker's process id, when the maker began, and a number of its own: process ids come again."""
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """name: prefix of namespaces and cgroups. folder: a tmpfs, readable by root only."""

    name: str
    folder: Path


@contextmanager
def workspace() -> Iterator[Workspace]:
    """A fresh workspace; its folder is unmounted and removed at the end. Raises: LabError."""
    sweep()
    name = named()
    folder = BASE / name
    folder.mkdir(mode=0o700)
    try:
        run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "limpet-lab", str(folder)]).checked()
        yield Workspace(name=name, folder=folder)
    finally:
        _remove_folder(folder)


def named(what: str = "") -> str:
    """A new name for something of this process, by which `sweep` finds it when the process is gone. what: its end."""
    own = f"limpet-{os.getpid()}-{began(os.getpid())}-{next(_numbers)}"
    return f"{own}-{what}" if what else own


def sweep() -> None:
    """Remove cgroups, network namespaces and mounts left by labs whose process is gone; what still runs in them is killed."""
    with suppress(LabError):
        for cgroup in _leftovers(cgroups.unified_hierarchy()):
            with suppress(LabError):  # an older kernel cannot, and most has ended with the lab anyway
                cgroups.kill(cgroup)
            with suppress(LabError):
                cgroups.remove(cgroup)
    for network in _leftovers(NETWORKS):
        run(["ip", "netns", "delete", network.name])
    for folder in _leftovers(BASE):
        with suppress(LabError):  # another run may be sweeping at the same time
            _remove_folder(folder, "--lazy")  # what its dying processes still have open goes with them


def began(process: int) -> int | None:
    """When a process began, in ticks since the machine did; None when there is none, or when it has ended. Source: proc(5)."""
    try:
        text = Path("/proc", str(process), "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *rest = text.rpartition(")")[2].split()
    return None if state in {"Z", "X"} else int(rest[18])


def _leftovers(folder: Path) -> list[Path]:
    entries = list(folder.iterdir()) if folder.is_dir() else []
    return [
        entry
        for entry in entries
        if (made_by := NAME.match(entry.name)) and began(int(made_by[1])) != int(made_by[2])
    ]


def _remove_folder(folder: Path, *options: str) -> None:
    if folder.is_mount():
        unmount(folder, "--recursive", *options)
    with suppress(FileNotFoundError):  # another run's sweep was quicker
        folder.rmdir()
