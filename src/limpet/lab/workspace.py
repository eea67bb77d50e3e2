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

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = Path("/run")
NETWORKS = Path("/run/netns")
SIZE = "2g"
NAME = re.compile(r"limpet-(\d+)-\d+(?:-|$)")
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
    name = f"limpet-{os.getpid()}-{next(_numbers)}"
    folder = BASE / name
    folder.mkdir(mode=0o700)
    try:
        run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "limpet-lab", str(folder)]).checked()
        yield Workspace(name=name, folder=folder)
    finally:
        _remove_folder(folder)


def sweep() -> None:
    """Remove cgroups, network namespaces and mounts left by labs whose process is gone, once what ran in them has."""
    with suppress(LabError):
        for cgroup in _leftovers(cgroups.unified_hierarchy()):
            cgroups.remove(cgroup)
    for network in _leftovers(NETWORKS):
        run(["ip", "netns", "delete", network.name])
    for folder in _leftovers(BASE):
        with suppress(LabError):  # another run may be sweeping at the same time
            _remove_folder(folder, "--lazy")  # what its dying processes still have open goes with them


def _leftovers(folder: Path) -> list[Path]:
    entries = list(folder.iterdir()) if folder.is_dir() else []
    return [
        entry
        for entry in entries
        if (made_by := NAME.match(entry.name)) and not Path("/proc", made_by.group(1)).exists()
    ]


def _remove_folder(folder: Path, *options: str) -> None:
    if folder.is_mount():
        run(["umount", "--recursive", *options, str(folder)]).checked()
    with suppress(FileNotFoundError):  # another run's sweep was quicker
        folder.rmdir()
