"""Which control groups there can be here, what is written into them, and what they tell.

Handlers run in groups of their own below one base that no service manager touches; decision:
docs/decisions/0017-control-groups.md. Source of the names: extensions.md §8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTROLLERS = ("cpu", "cpuacct", "memory")
"""Those that are used; cpuacct is part of cpu in version 2."""
SCOPE = "limpet-handlers.scope"
SLICE = "azure-vmextensions.slice"
_WITH_SYSTEMD = Path("azure.slice") / SLICE / SCOPE
_ALONE = Path("limpet")
SHORT_PERIOD, LONG_PERIOD = 100_000, 1_000_000
"""Microseconds over which a share of the processor is counted: the kernel's own, and the longest, which lets bursts pass."""
_MIB = 1024 * 1024
_LONGEST_NAME = 200
_ESCAPE = re.compile(r"\\([0-7]{3})")
_UNFIT = re.compile(r"[^A-Za-z0-9_.]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the kernel says. mounts: /proc/self/mountinfo; first: /proc/1/cgroup; systemd: whether it is process 1."""

    mounts: str
    first: str
    systemd: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """Where our groups are. groups: by controller, of version 1; unified: of version 2, None where it has no controllers."""

    groups: Mapping[str, Path] = field(default_factory=dict)
    unified: Path | None = None

    @property
    def roots(self) -> tuple[Path, ...]:
        """Each folder once, in a fixed order."""
        found = [self.groups[name] for name in CONTROLLERS if name in self.groups]
        return tuple(dict.fromkeys([*found, *([self.unified] if self.unified is not None else [])]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a group may use. cpu: percent of one processor; period: over which that is counted, microseconds.

    memory: bytes beyond which the kernel takes pages back; it never kills for that. ceiling: bytes beyond which it kills.
    None is without limit.
    """

    cpu: int | None = None
    memory: int | None = None
    ceiling: int | None = None
    period: int = SHORT_PERIOD


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What a group has used. processor, throttled: seconds since it was made; memory: bytes. None is not known."""

    processor: float | None = None
    throttled: float | None = None
    throttlings: int | None = None
    memory: int | None = None
    anonymous: int | None = None
    cache: int | None = None
    peak: int | None = None


def base(facts: Facts) -> Base:
    """Where our groups can be; an empty one where no hierarchy with a controller is mounted.

    With systemd it is a scope of ours, which systemd leaves alone; without, a folder beside process 1.
    """
    first = located(facts.mounts, facts.first)
    below = _WITH_SYSTEMD if facts.systemd else _ALONE
    return Base(
        groups={name: _above(folder) / below for name, folder in first.groups.items()},
        unified=None if first.unified is None else _above(first.unified) / below,
    )


def _above(group: Path) -> Path:
    """Process 1 under systemd is in a group of its own, below the one from which it counts."""
    return group.parent if group.name == "init.scope" else group


def located(mounts: str, membership: str) -> Base:
    """The groups of a process. membership: its /proc/PID/cgroup."""
    paths = dict(_paths(membership))
    groups: dict[str, Path] = {}
    unified = None
    for kind, root, place, options in _mounts(mounts):
        if kind == "cgroup2":
            unified = unified or _folder(root, place, paths.get("", "/"))
        elif kind == "cgroup":
            for name in CONTROLLERS:
                if name in options and name not in groups:
                    groups[name] = _folder(root, place, paths.get(name, "/"))
    return Base(groups=groups, unified=None if "cpu" in groups or "memory" in groups else unified)


def _paths(text: str) -> Iterator[tuple[str, str]]:
    """The path of each controller; version 2 has the empty name."""
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        names, colon, path = rest.partition(":")
        if colon:
            for name in names.split(","):
                yield name, path


def _mounts(text: str) -> Iterator[tuple[str, str, str, list[str]]]:
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, more = before.split(), after.split()
        if dash and len(fields) >= 5 and len(more) >= 3:
            yield more[0], _plain(fields[3]), _plain(fields[4]), more[2].split(",")


def _folder(root: str, place: str, path: str) -> Path:
    """A group's folder, under a mount that shows the hierarchy from `root` on."""
    own = Path(path)
    shown = own.relative_to(root) if own.is_relative_to(root) else Path()
    return Path(place, *(part for part in shown.parts if part not in {"/", ".."}))


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text)


def handler_group(handler: str) -> str:
    """The name of a handler's group, without its version. Source: extensions.md §8.2."""
    return f"azure-vmextensions-{_UNFIT.sub('_', handler)[:_LONGEST_NAME]}.slice"


def of_manifest(cpu: int | None, memory_mb: int | None) -> Limits:
    """The limits that a handler's manifest asks for."""
    return Limits(cpu=cpu, memory=None if memory_mb is None else memory_mb * _MIB)


def settings_v2(limits: Limits) -> Mapping[str, Mapping[str, str]]:
    """What is written into which file of a group of version 2, by controller."""
    share = "max" if limits.cpu is None else str(_quota(limits))
    return {
        "cpu": {"cpu.max": f"{share} {limits.period}"},
        "memory": {"memory.high": _or_max(limits.memory), "memory.max": _or_max(limits.ceiling)},
    }


def settings_v1(limits: Limits) -> Mapping[str, Mapping[str, str]]:
    """What is written into which file of a group of version 1, by controller."""
    share = "-1" if limits.cpu is None else str(_quota(limits))
    return {
        "cpu": {"cpu.cfs_period_us": str(limits.period), "cpu.cfs_quota_us": share},
        "memory": {
            "memory.soft_limit_in_bytes": str(limits.memory or -1),
            "memory.limit_in_bytes": str(limits.ceiling or -1),
        },
    }


def _quota(limits: Limits) -> int:
    return max(1000, (limits.cpu or 0) * limits.period // 100)


def _or_max(amount: int | None) -> str:
    return "max" if amount is None else str(amount)


def usage_v2(files: Mapping[str, str]) -> Usage:
    """What the files of a group of version 2 say. files: their texts by name."""
    cpu, memory = _keyed(files.get("cpu.stat")), _keyed(files.get("memory.stat"))
    return Usage(
        processor=_scaled(cpu.get("usage_usec"), 1e6),
        throttled=_scaled(cpu.get("throttled_usec"), 1e6),
        throttlings=cpu.get("nr_throttled"),
        memory=_number(files.get("memory.current")),
        anonymous=memory.get("anon"),
        cache=memory.get("file"),
        peak=_number(files.get("memory.peak")),
    )


def usage_v1(files: Mapping[str, str]) -> Usage:
    """What the files of a group of version 1 say, of all its hierarchies. files: their texts by name."""
    cpu, memory = _keyed(files.get("cpu.stat")), _keyed(files.get("memory.stat"))
    return Usage(
        processor=_scaled(_number(files.get("cpuacct.usage")), 1e9),
        throttled=_scaled(cpu.get("throttled_time"), 1e9),
        throttlings=cpu.get("nr_throttled"),
        memory=_number(files.get("memory.usage_in_bytes")),
        anonymous=memory.get("total_rss"),
        cache=memory.get("total_cache"),
        peak=_number(files.get("memory.max_usage_in_bytes")),
    )


USAGE_V2 = ("cpu.stat", "memory.current", "memory.stat", "memory.peak")
USAGE_V1: Mapping[str, tuple[str, ...]] = {
    "cpu": ("cpu.stat",),
    "cpuacct": ("cpuacct.usage",),
    "memory": ("memory.usage_in_bytes", "memory.stat", "memory.max_usage_in_bytes"),
}


def _keyed(text: str | None) -> Mapping[str, int]:
    pairs = (line.split() for line in (text or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _number(text: str | None) -> int | None:
    plain = (text or "").strip()
    return int(plain) if plain.isdecimal() else None


def _scaled(amount: int | None, unit: float) -> float | None:
    return None if amount is None else amount / unit


def counters(now: Usage, before: Usage | None, seconds: float) -> list[tuple[str, str, float]]:
    """What telemetry tells of a group: category, counter and value. before: `seconds` ago. Source: extensions.md §8.4."""
    found: list[tuple[str, str, float]] = []
    if before is not None and seconds > 0:
        if now.processor is not None and before.processor is not None:
            share = 100 * max(0.0, now.processor - before.processor) / seconds
            found.append(("CPU", "% Processor Time", round(share, 3)))
        if now.throttled is not None and before.throttled is not None:
            found.append(("CPU", "Throttled Time (s)", round(max(0.0, now.throttled - before.throttled), 3)))
    amounts = (
        ("Total Memory Usage", now.memory),
        ("Anon Memory Usage", now.anonymous),
        ("Cache Memory Usage", now.cache),
        ("Max Memory Usage", now.peak),
    )
    found += [("Memory", name, float(amount)) for name, amount in amounts if amount is not None]
    return found
