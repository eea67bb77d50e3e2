"""What may be done with the resource disk, by what is on it: a table of states. Pure.

It is formatted only in states that can hold nothing of anybody: blank, fresh from the platform, or left half made by us.
Everything else is mounted as it is or left alone, with the reason. Source: guest-setup.md §A.10.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.guest.partition_table import (
    BASIC_DATA,
    LINUX_DATA,
    LINUX_TYPE,
    MAKING,
    NTFS_TYPE,
    RESERVED,
    partition_name,
)
from limpet.guest.signatures import KEPT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.guest.partition_table import Table

FORMAT, MOUNT, LEAVE = "format", "mount", "leave"
README = "DATALOSS_WARNING_README.txt"
_PLATFORMS = frozenset({README.lower(), "system volume information"})
_MOST_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    """The disk as a whole (number 0) or a partition. start, size: bytes.

    holds: what its marks say, see signatures. names: what is in the root folder of an NTFS; None when that is not known, and
    then `problem` says why.
    """

    number: int
    start: int
    size: int
    holds: tuple[str, ...] = ()
    blank: bool = False
    names: tuple[str, ...] | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Disk:
    """A disk: name, as the kernel calls it. source: how it was recognised. identity: what tells it from others.

    volumes: by number; 0, the disk as a whole, is always there when it could be read. used: what is used by whom, by the
    names of the disk and its partitions. partitions: where those are that the kernel knows, start and size in bytes, by name.
    numbers: major and minor, by name.
    """

    name: str
    source: str
    identity: str
    size: int
    block: int = 512
    read_only: bool = False
    table: Table | None = None
    first_block: bytes = b""
    volumes: Mapping[int, Volume] = field(default_factory=dict)
    used: Mapping[str, str] = field(default_factory=dict)
    partitions: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None

    def device(self, number: int) -> str:
        """The name of one of its volumes."""
        return partition_name(self.name, number) if number else self.name


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be done with a disk. number: of the volume that is meant. why: a sentence's end, for people."""

    action: str
    number: int
    why: str


def judge(disk: Disk) -> Verdict:
    """What may be done: the first state of the table that fits."""
    if disk.problem is not None or 0 not in disk.volumes:
        return Verdict(LEAVE, 0, disk.problem or "it cannot be read")
    return next(verdict for state in _STATES if (verdict := state(disk)) is not None)


def _raid(disk: Disk) -> Verdict | None:
    if "a RAID" in disk.volumes[0].holds:
        return Verdict(LEAVE, 0, "it is a part of a RAID")
    return None


def _half_made(disk: Disk) -> Verdict | None:
    """Ours, and the power was cut before it was mounted: complete it. What a complete file system holds is kept."""
    table = disk.table
    if table is None or table.mark != MAKING:
        return None
    if table.damaged is not None:
        return Verdict(FORMAT, 1, "its preparation was interrupted")
    ours = [(entry.number, entry.type) for entry in table.entries]
    if ours not in ([(1, LINUX_TYPE)], [(1, LINUX_DATA)]):
        return None
    volume = disk.volumes[1]
    if volume.holds in {(), ("ntfs",)}:
        return Verdict(FORMAT, 1, "its preparation was interrupted")
    return None


def _whole(disk: Disk) -> Verdict | None:
    volume = disk.volumes[0]
    if disk.table is not None:
        return None
    if volume.blank:
        return Verdict(FORMAT, 1, "it is blank")
    return _held(volume)


def _damaged(disk: Disk) -> Verdict | None:
    table = disk.table
    if table is not None and table.damaged is not None:
        return Verdict(LEAVE, 0, f"its partition table is damaged: {table.damaged}")
    if table is not None and not table.entries:
        return Verdict(LEAVE, 0, "its partition table is empty, and what was there before may be wanted back")
    return None


def _fresh(disk: Disk) -> Verdict | None:
    """As the platform gives it: one NTFS, after a small reserved partition on a GPT, with nothing in it but its warning."""
    entries = disk.table.entries if disk.table else ()
    kinds = [entry.type for entry in entries]
    if kinds not in ([NTFS_TYPE], [BASIC_DATA], [RESERVED, BASIC_DATA]):
        return None
    volume = disk.volumes[entries[-1].number]
    if volume.holds != ("ntfs",):
        return None
    if volume.names is None:
        return Verdict(LEAVE, volume.number, f"it holds ntfs that is not understood: {volume.problem}")
    others = [name for name in volume.names if name.lower() not in _PLATFORMS]
    if not others:
        return Verdict(FORMAT, 1, "it is as the platform gives it")
    shown = ", ".join(repr(name) for name in others[:_MOST_SHOWN])
    more = f" and {len(others) - _MOST_SHOWN} more" if len(others) > _MOST_SHOWN else ""
    return Verdict(LEAVE, volume.number, f"it holds ntfs with {shown}{more}")


def _partitioned(disk: Disk) -> Verdict | None:
    entries = disk.table.entries if disk.table else ()
    volume = disk.volumes[entries[0].number]
    verdict = _held(volume)
    if verdict.action == MOUNT:
        return verdict
    if len(entries) > 1:
        return Verdict(LEAVE, 0, f"it has {len(entries)} partitions")
    if volume.blank:
        return Verdict(FORMAT, 1, "its one partition is blank")
    return verdict


def _held(volume: Volume) -> Verdict:
    if len(volume.holds) == 1 and volume.holds[0] in KEPT:
        return Verdict(MOUNT, volume.number, f"it holds {volume.holds[0]}")
    if volume.problem is not None and not volume.holds:
        return Verdict(LEAVE, volume.number, volume.problem)
    what = " and ".join(volume.holds) or "something that is not known here"
    return Verdict(LEAVE, volume.number, f"it holds {what}")


_STATES: tuple[Callable[[Disk], Verdict | None], ...] = (
    _raid,
    _half_made,
    _whole,
    _damaged,
    _fresh,
    _partitioned,
)
