"""Control groups in memory: the ControlGroups port for tests, with the kernel's rules that matter.

    machine.cgroups.mount(version=2, systemd=True)

makes /proc of the fake machine tell of them, and installs the programs of systemd that make a scope.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.cgroups import MEMBERS
from limpet.host.fake_commands import Said
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.host.fake_commands import Call, FakeCommands
    from limpet.host.fake_files import FakeFiles

AGENT, FIRST = 100, 1
_TREE = Path("/sys/fs/cgroup")
_V2 = {
    "cpu": {"cpu.max": "max 100000", "cpu.stat": "usage_usec 0\nnr_throttled 0\nthrottled_usec 0\n"},
    "memory": {
        "memory.high": "max",
        "memory.max": "max",
        "memory.current": "0",
        "memory.stat": "anon 0\nfile 0\n",
        "memory.peak": "0",
    },
}
_V1 = {
    "cpu": {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "-1", "cpu.stat": "nr_throttled 0\nthrottled_time 0\n"},
    "cpuacct": {"cpuacct.usage": "0"},
    "memory": {
        "memory.limit_in_bytes": "9223372036854771712",
        "memory.soft_limit_in_bytes": "9223372036854771712",
        "memory.usage_in_bytes": "0",
        "memory.stat": "total_rss 0\ntotal_cache 0\n",
        "memory.max_usage_in_bytes": "0",
    },
}  # fmt: skip
_READ_ONLY = {
    "cpu.stat",
    "cpuacct.usage",
    "memory.current",
    "memory.stat",
    "memory.peak",
    "cgroup.controllers",
}


@dataclass
class Group:
    """One group: its files, and the processes in it."""

    files: dict[str, str]
    members: set[int] = field(default_factory=set)


@dataclass
class FakeControlGroups:
    """Groups by their folder.

    version: 0 until something is mounted. properties: of units, as systemctl was told; units: their LoadState by name.
    staying: processes that outlive the command that made them.
    """

    files: FakeFiles
    commands: FakeCommands
    groups: dict[Path, Group] = field(default_factory=dict)
    version: int = 0
    properties: dict[str, list[str]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    staying: set[int] = field(default_factory=set)
    _pids: itertools.count[int] = field(default_factory=lambda: itertools.count(1000))

    def mount(self, *, version: int = 2, systemd: bool = True, controllers: str = "cpu memory") -> None:
        """Let the machine have control groups. controllers: those that version 2 has here."""
        self.version = version
        lines, roots = [], []
        if version == 2:
            lines = [f"31 23 0:28 / {_TREE} rw - cgroup2 cgroup2 rw"]
            roots = [_TREE]
            self.groups[_TREE] = Group(
                {"cgroup.controllers": controllers, "cgroup.subtree_control": controllers if systemd else ""}
            )
        else:
            for name, files in _V1.items():
                lines.append(f"31 23 0:28 / {_TREE}/{name} rw - cgroup cgroup rw,{name}")
                roots.append(_TREE / name)
                self.groups[_TREE / name] = Group(dict(files))
        first = "/init.scope" if systemd else "/"
        own = "/system.slice/limpet-agent.service" if systemd else "/"
        named = [("0", "")] if version == 2 else [(str(at), name) for at, name in enumerate(_V1, 1)]
        for where, path in (("1", first), ("self", own)):
            membership = "".join(f"{number}:{name}:{path}\n" for number, name in named)
            self._tell(Path(f"/proc/{where}/cgroup"), membership)
        self._tell(Path("/proc/self/mountinfo"), "\n".join(lines) + "\n")
        self._tell(Path("/proc/1/comm"), "systemd\n" if systemd else "init\n")
        for root in roots:
            for pid, path in ((FIRST, first), (AGENT, own)):
                self.make(root / path.lstrip("/"), inner=True)
                self.groups[root / path.lstrip("/")].members.add(pid)
        if systemd:
            self.commands.programs |= {"systemd-run": self._systemd_run, "systemctl": self._systemctl}

    def _tell(self, path: Path, text: str) -> None:
        self.files.make_folder(path.parent)
        self.files.replace(path, text.encode())

    def read(self, path: Path) -> str | None:
        """The text of one of a group's files; None where it cannot be read."""
        group = self.groups.get(path.parent)
        if group is None:
            return None
        if path.name == MEMBERS:
            return "".join(f"{pid}\n" for pid in sorted(group.members))
        return group.files.get(path.name)

    def write(self, path: Path, text: str) -> None:
        """Write to one of a group's files. Raises: HostError, with the kernel's reason."""
        group = self.groups.get(path.parent)
        if group is None or (path.name not in group.files and path.name != MEMBERS):
            raise _refused(path, text, "No such file or directory")
        if path.name == MEMBERS:
            self._move(AGENT if text == "0" else int(text), path.parent, path, text)
        elif path.name == "cgroup.subtree_control":
            for word in text.split():
                self._control(word, path.parent, path, text)
        elif path.name in _READ_ONLY or not _fits(path.name, text):
            raise _refused(path, text, "Invalid argument")
        else:
            group.files[path.name] = text

    def make(self, group: Path, *, inner: bool = False) -> None:
        """Make a group and those above it; one that is there stays as it is. Raises: HostError."""
        if group in self.groups:
            return
        if group == group.parent:
            raise HostError(f"cannot make the control group {group}: Read-only file system")
        self.make(group.parent, inner=inner)
        if self.version == 2:
            enabled = self.groups[group.parent].files["cgroup.subtree_control"]
            files = {"cgroup.controllers": enabled, "cgroup.subtree_control": enabled if inner else ""}
            for name in enabled.split():
                files |= _V2[name]
        else:
            files = dict(_V1[group.relative_to(_TREE).parts[0]])
        self.groups[group] = Group(files)

    def remove(self, group: Path) -> bool:
        """Remove an empty group. Says whether it is gone."""
        found = self.groups.get(group)
        if found is not None and not found.members and not self.below(group):
            del self.groups[group]
        return group not in self.groups

    def below(self, group: Path) -> list[str]:
        """The names of the groups in a group, sorted."""
        return sorted(each.name for each in self.groups if each.parent == group)

    def start(self, groups: Sequence[Path]) -> int:
        """A process begins in `groups`, as far as they can be entered. Gives its id."""
        pid = next(self._pids)
        for group in groups:
            try:
                self._move(pid, group, group / MEMBERS, "0")
            except HostError:
                continue
        return pid

    def end(self, pid: int) -> None:
        """A process ends, unless something of it is `staying`."""
        if pid not in self.staying:
            for group in self.groups.values():
                group.members.discard(pid)

    def where(self, pid: int) -> list[Path]:
        """The groups in which a process is."""
        return [path for path, group in self.groups.items() if pid in group.members]

    def _move(self, pid: int, folder: Path, path: Path, text: str) -> None:
        group = self.groups.get(folder)
        if group is None:
            raise _refused(path, text, "No such file or directory")
        inner = self.version == 2 and folder != _TREE
        if inner and group.files["cgroup.subtree_control"].strip():
            raise _refused(path, text, "Device or resource busy")
        tree = _TREE if self.version == 2 else _TREE / folder.relative_to(_TREE).parts[0]
        for other, each in self.groups.items():
            if tree == other or tree in other.parents:
                each.members.discard(pid)
        group.members.add(pid)

    def _control(self, word: str, folder: Path, path: Path, text: str) -> None:
        group = self.groups[folder]
        name, enabled = word[1:], group.files["cgroup.subtree_control"].split()
        if name not in group.files["cgroup.controllers"].split():
            raise _refused(path, text, "No such file or directory")
        if word[0] == "+" and name not in enabled:
            if group.members and folder != _TREE:
                raise _refused(path, text, "Device or resource busy")
            group.files["cgroup.subtree_control"] = " ".join([*enabled, name])
            for child in self._children(folder):
                child.files |= _V2[name]
                child.files["cgroup.controllers"] = group.files["cgroup.subtree_control"]

    def _children(self, folder: Path) -> list[Group]:
        return [self.groups[folder / name] for name in self.below(folder)]

    def _systemd_run(self, _files: FakeFiles, call: Call) -> Said:
        options = dict(word[2:].split("=", 1) for word in call.argv if word.startswith("--") and "=" in word)
        below = Path("azure.slice", options["slice"], f"{options['unit']}.scope")
        roots = [_TREE] if self.version == 2 else [_TREE / name for name in _V1]
        if any((root / below) in self.groups for root in roots):
            return Said(exit_code=1, stderr=f"Unit {options['unit']}.scope was already loaded.")
        pid = next(self._pids)
        for root in roots:
            self.make((root / below).parent, inner=True)
            self.make(root / below)
            self.groups[root / below].members.add(pid)
        return Said()

    def _systemctl(self, _files: FakeFiles, call: Call) -> Said:
        if call.argv[1] == "show":
            return Said(stdout=self.units.get(call.argv[-1], "not-found") + "\n")
        if call.argv[1] == "set-property":
            unit, *properties = [word for word in call.argv[2:] if not word.startswith("--")]
            self.properties[unit] = properties
        return Said()


def _fits(name: str, text: str) -> bool:
    if name == "cpu.max":
        share, period = text.split()
        return (share == "max" or int(share) >= 1000) and 1000 <= int(period) <= 1_000_000
    if name in {"memory.high", "memory.max"}:
        return text == "max" or (text.isdecimal() and int(text) < 1 << 63)
    if name == "cpu.cfs_quota_us":
        return text == "-1" or (text.isdecimal() and int(text) >= 1000)
    if name == "cpu.cfs_period_us":
        return text.isdecimal() and 1000 <= int(text) <= 1_000_000
    return text.removeprefix("-").isdecimal()


def _refused(path: Path, text: str, reason: str) -> HostError:
    return HostError(f"cannot set {path} to {text}: {reason}")
