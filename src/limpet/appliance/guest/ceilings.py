"""The limits of a guest shell as control groups hold them: version 2, version 1, or what there is of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.mounts import read_mountinfo

if TYPE_CHECKING:
    from limpet.appliance.guest.contract import Limits
    from limpet.host.ports import Files

CONTROLLERS = ("cpu", "memory", "pids")
PERIOD = 100_000
"""Microseconds over which the share of the processor is counted: the kernel's own."""
_MOUNTS = Path("/proc/self/mountinfo")
_LARGE = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceilings:
    """Where each controller's hierarchy is mounted. first: of version 1. second: of version 2, with the controllers it has.

    named: systemd's own hierarchy of version 1, without a controller.
    """

    first: tuple[tuple[str, Path], ...] = ()
    second: Path | None = None
    available: frozenset[str] = frozenset()
    named: Path | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Controllers that this kernel has nowhere: what they limit is not limited here."""
        there = {name for name, _ in self.first} | self.available
        return tuple(name for name in CONTROLLERS if name not in there)

    def settings(self, limits: Limits) -> tuple[tuple[int, str, str], ...]:
        """Version, file and text, for each limit that can be held; a file's controller is the word before its first dot."""
        old = {name for name, _ in self.first}
        found: list[tuple[int, str, str]] = []
        quota = str(max(1000, limits.cpu * PERIOD // 100))
        if "cpu" in self.available:
            found.append((2, "cpu.max", f"{quota} {PERIOD}"))
        elif "cpu" in old:
            found += [(1, "cpu.cfs_period_us", str(PERIOD)), (1, "cpu.cfs_quota_us", quota)]
        if "memory" in self.available:
            found.append((2, "memory.max", str(limits.memory)))
        elif "memory" in old:
            found.append((1, "memory.limit_in_bytes", str(limits.memory)))
        if "pids" in self.available:
            found.append((2, "pids.max", str(limits.pids)))
        elif "pids" in old:
            found.append((1, "pids.max", str(limits.pids)))
        return tuple(found)

    def groups(self, name: str) -> tuple[tuple[str, Path], ...]:
        """The control group of that name in each hierarchy, with its controller; the empty word is version 2, `named` the named one."""
        found = [(word, mount / name) for word, mount in self.first]
        found += [("", self.second / name)] if self.second is not None else []
        found += [("named", self.named / name)] if self.named is not None else []
        return tuple(found)

    def pokes(self, name: str, limits: Limits) -> tuple[tuple[Path, str], ...]:
        """What is written into which file of the groups of that name; first the controllers are switched on."""
        groups = dict(self.groups(name))
        wanted = " ".join(f"+{word}" for word in CONTROLLERS if word in self.available)
        found = (
            [(self.second / "cgroup.subtree_control", wanted)] if self.second is not None and wanted else []
        )
        for version, file, text in self.settings(limits):
            group = groups["" if version == 2 else file.partition(".")[0]]
            found.append((group / file, text))
        return tuple(found)

    def lxc_lines(self, limits: Limits) -> tuple[str, ...]:
        """The lines of an LXC configuration."""
        words = {1: "lxc.cgroup", 2: "lxc.cgroup2"}
        return tuple(f"{words[version]}.{file} = {text}" for version, file, text in self.settings(limits))


def look(files: Files) -> Ceilings:
    """What this machine has; that changes with its start only. Raises: HostError."""
    mounts = files.read(_MOUNTS, at_most=_LARGE).decode("utf-8", "surrogateescape")
    first: dict[str, Path] = {}
    second = named = None
    for line, mount in zip(mounts.splitlines(), read_mountinfo(mounts), strict=False):
        if mount.filesystem == "cgroup2":
            second = second or Path(mount.point)
        elif mount.filesystem == "cgroup":
            options = line.rpartition(" ")[2].split(",")
            named = Path(mount.point) if named is None and "name=systemd" in options else named
            for name in CONTROLLERS:
                if name in options:
                    first.setdefault(name, Path(mount.point))
    available: frozenset[str] = frozenset()
    if second is not None:
        try:
            words = files.read(second / "cgroup.controllers", at_most=4096).decode("ascii", "replace").split()
        except FileNotFoundError:
            words = []
        available = frozenset(words) & frozenset(CONTROLLERS)
    return Ceilings(first=tuple(first.items()), second=second, available=available, named=named)
