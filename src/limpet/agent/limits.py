"""Control groups at work: handlers and the agent's own workers run in groups, within limits, and their use is counted.

Nothing here may fail a handler: what cannot be limited runs without. Decision: docs/decisions/0017-control-groups.md.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest import control_groups as groups
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.agent.machine import Machine
    from limpet.guest.control_groups import Base, Limits, Usage
    from limpet.host.ports import Commands, ControlGroups, Files

WORKERS, COLLECTOR, HOLDER, AGENT = "limpet-workers", "limpet-logcollector", "holder", "limpet-agent"
_OURS = frozenset({WORKERS, COLLECTOR, HOLDER, AGENT})
_PROC = Path("/proc")
_LARGEST = 1024 * 1024
_OPENING = 20.0
_HOLD = "exec 0<&- >/dev/null 2>&1; sleep infinity &"
"""What keeps the scope alive: it ends with the last process in it."""


class Groups:
    """The groups below one base. Used from several tasks."""

    def __init__(self, machine: Machine, *, wanted: bool) -> None:
        """wanted: whether there shall be groups at all."""
        self._files: Files = machine.files
        self._commands: Commands = machine.commands
        self._kernel: ControlGroups = machine.cgroups
        self._log = machine.log
        self._lock = threading.Lock()
        self._base: Base | None = None
        self._wanted = wanted
        self._written: dict[Path, str] = {}
        self._origin: tuple[Path, ...] = ()
        self.systemd = False

    def place(self, name: str, limits: Limits) -> tuple[Path, ...]:
        """Make a group with `limits`. Gives the folders to enter, none where there are no groups."""
        with self._lock:
            roots = self._opened()
            return tuple(root / name for root in roots if self._made(root / name, limits))

    @property
    def is_open(self) -> bool:
        """Whether there are groups."""
        with self._lock:
            return bool(self._opened())

    def names(self) -> list[str]:
        """The groups that are there."""
        with self._lock:
            roots = self._opened()
            found = {name for root in roots for name in self._kernel.below(root)}
        return sorted(found - {HOLDER})

    def usage(self, name: str) -> Usage:
        """What a group has used."""
        base = self._base or groups.Base()
        return self.usage_of(
            groups.Base(
                groups={controller: root / name for controller, root in base.groups.items()},
                unified=None if base.unified is None else base.unified / name,
            )
        )

    def usage_of(self, place: Base) -> Usage:
        """What the group at `place` has used."""
        if place.unified is not None:
            return groups.usage_v2(self._texts(place.unified, groups.USAGE_V2))
        files: dict[str, str] = {}
        for controller, names in groups.USAGE_V1.items():
            if controller in place.groups:
                files |= self._texts(place.groups[controller], names)
        return groups.usage_v1(files)

    def forget(self, name: str) -> None:
        """Remove a group; while processes are left in it, it stays, without limits."""
        with self._lock:
            for root in self._base.roots if self._base is not None else ():
                if not self._kernel.remove(root / name):
                    self._limit(root / name, groups.Limits())
                self._written = {
                    path: text for path, text in self._written.items() if path.parent != root / name
                }

    def enter(self, name: str, limits: Limits) -> bool:
        """Move this process into a group. Says whether that was possible."""
        folders = self.place(name, limits)
        if not folders:
            return False
        try:
            self._origin = own_groups(self._files).roots
            for folder in folders:
                self._kernel.write(folder / "cgroup.procs", "0")
        except HostError as error:
            self._log.warning("limits.not_entered", group=name, problem=error)
            return False
        return True

    def close(self) -> None:
        """Go back to where this process was, and take away what is empty, where no service manager does it."""
        with self._lock:
            if self._base is None or self.systemd:
                return
            for origin in self._origin:
                try:
                    self._kernel.write(origin / "cgroup.procs", "0")
                except HostError as error:
                    self._log.warning("limits.not_left", problem=error)
            for root in self._base.roots:
                for name in self._kernel.below(root):
                    self._kernel.remove(root / name)
                self._kernel.remove(root)

    def _texts(self, folder: Path, names: tuple[str, ...]) -> Mapping[str, str]:
        found = {name: self._kernel.read(folder / name) for name in names}
        return {name: text for name, text in found.items() if text is not None}

    def _opened(self) -> tuple[Path, ...]:
        """The roots; opened when they are not there, or not there any more."""
        if not self._wanted:
            return ()
        if self._base is None or any(
            self._kernel.read(root / "cgroup.procs") is None for root in self._base.roots
        ):
            self._written.clear()
            try:
                self._base = self._open()
            except HostError as error:
                self._wanted = False  # told once, not before every command
                self._base = None
                self._log.warning("limits.unavailable", problem=error)
                return ()
        return self._base.roots

    def _open(self) -> Base:
        facts = read_facts(self._files)
        self.systemd = facts.systemd
        base = groups.base(facts)
        if not base.roots:
            raise HostError("no control groups with a processor or memory controller are mounted")
        if base.unified is not None:
            self._check_controllers(base.unified)
        if facts.systemd:
            self._open_scope(base)
        else:
            for root in base.roots:
                self._kernel.make(root)
        if base.unified is not None:
            self._delegate(base.unified, alone=not facts.systemd)
        return base

    def _check_controllers(self, root: Path) -> None:
        """Raises: HostError, where version 2 has no controller that could limit anything, as in many containers."""
        for group in root.parents:
            there = self._kernel.read(group / "cgroup.controllers")
            if there is not None:
                if not {"cpu", "memory"} & set(there.split()):
                    raise HostError(f"{group} has neither a processor nor a memory controller")
                return

    def _open_scope(self, base: Base) -> None:
        """Let systemd make the scope, unless an earlier agent of this boot did."""
        if all(self._kernel.read(root / "cgroup.procs") is not None for root in base.roots):
            return
        done = self._commands.run(
            (
                "systemd-run", "--scope", "--quiet", "--collect", f"--unit={groups.SCOPE.removesuffix('.scope')}",
                f"--slice={groups.SLICE}", "--property=Delegate=yes", "--property=TimeoutStopSec=30s", "--description=Commands of VM extensions", "--",
                "/bin/sh", "-c", _HOLD,
            ),
            timeout=_OPENING,
        )  # fmt: skip
        if done.exit_code != 0:
            reason = done.stderr.decode("utf-8", "replace").strip()[:200]
            raise HostError(f"systemd-run cannot make {groups.SCOPE}: {reason or done.exit_code}")

    def _delegate(self, root: Path, *, alone: bool) -> None:
        """Let groups of version 2 below `root` have controllers: then no process may be in `root` itself."""
        self._kernel.make(root / HOLDER)
        for pid in (self._kernel.read(root / "cgroup.procs") or "").split():
            self._kernel.write(root / HOLDER / "cgroup.procs", pid)
        enabled = 0
        problem: HostError | None = None
        for controller in ("cpu", "memory"):
            try:
                if alone:
                    self._kernel.write(root.parent / "cgroup.subtree_control", f"+{controller}")
                self._kernel.write(root / "cgroup.subtree_control", f"+{controller}")
                enabled += 1
            except HostError as error:
                problem = error
        if problem is not None and not enabled:
            raise problem
        if problem is not None:
            self._log.warning("limits.partial", problem=problem)

    def _made(self, group: Path, limits: Limits) -> bool:
        try:
            self._kernel.make(group)
        except HostError as error:
            self._log.warning("limits.no_group", group=group.name, problem=error)
            return False
        self._limit(group, limits)
        return True

    def _limit(self, group: Path, limits: Limits) -> None:
        base = self._base or groups.Base()
        unified = base.unified is not None and group.is_relative_to(base.unified)
        settings = groups.settings_v2(limits) if unified else groups.settings_v1(limits)
        for controller, files in settings.items():
            if unified or base.groups.get(controller) == group.parent:
                for name, text in files.items():
                    self._set(group / name, text)

    def _set(self, path: Path, text: str) -> None:
        if self._written.get(path) == text or self._kernel.read(path) is None:
            return
        try:
            self._kernel.write(path, text)
            self._written[path] = text
        except HostError as error:
            self._log.warning("limits.not_set", group=path.parent.name, problem=error)


def read_facts(files: Files) -> groups.Facts:
    """What the kernel says of its hierarchies. Raises: HostError, when it says nothing."""
    try:
        return groups.Facts(
            mounts=_text(files, _PROC / "self/mountinfo"),
            first=_text(files, _PROC / "1/cgroup"),
            systemd=_text(files, _PROC / "1/comm").strip() == "systemd",
        )
    except FileNotFoundError as error:
        raise HostError(f"the kernel has no control groups: there is no {error.filename}") from error


def own_groups(files: Files) -> Base:
    """Where this process is. Raises: HostError."""
    try:
        return groups.located(_text(files, _PROC / "self/mountinfo"), _text(files, _PROC / "self/cgroup"))
    except FileNotFoundError as error:
        raise HostError(f"the kernel has no control groups: there is no {error.filename}") from error


def _text(files: Files, path: Path) -> str:
    return files.read(path, at_most=_LARGEST).decode("utf-8", "replace")


class Meter:
    """Tells how much each group has used since the last look, and takes away those whose handler has gone."""

    def __init__(
        self,
        control: Groups,
        machine: Machine,
        *,
        installed: Callable[[], frozenset[str]],
        tell: Callable[[str, list[tuple[str, str, float]]], None],
    ) -> None:
        """installed: names of the groups that handlers have. tell: takes a group's name and its counters."""
        self._control = control
        self._clock = machine.clock
        self._log = machine.log
        self._files = machine.files
        self._installed = installed
        self._tell = tell
        self._last: dict[str, tuple[float, Usage]] = {}

    def look(self) -> None:
        """Do that once."""
        found = self._control.names()
        needed = self._installed() | _OURS
        for name in found:
            if name in needed:
                self._count(name, self._control.usage(name))
            else:
                self._control.forget(name)
        self._last = {name: last for name, last in self._last.items() if name in found}

    def _count(self, name: str, usage: Usage) -> None:
        now = self._clock.monotonic()
        then, before = self._last.get(name, (now, None))
        self._last[name] = now, usage
        counters = groups.counters(usage, before, now - then)
        if before is not None and usage.throttlings and usage.throttlings > (before.throttlings or 0):
            self._log.info(
                "limits.throttled", group=name, times=usage.throttlings - (before.throttlings or 0)
            )
        if counters:
            self._tell(name, counters)
