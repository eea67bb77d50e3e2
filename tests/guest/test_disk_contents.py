"""Whatever is on a disk: it is formatted only when nothing of anybody can be on it. Each state: tests/plans/resource_disk."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.disk_contents import FORMAT, MOUNT, Disk, Volume, judge
from limpet.guest.partition_table import BASIC_DATA, LINUX_DATA, MADE, MAKING, MIB, RESERVED, Entry, Table
from limpet.guest.signatures import KEPT

MARKS = [*sorted(KEPT), "ntfs", "swap", "LUKS", "LVM", "a RAID", "vfat"]
PLATFORMS = ("DATALOSS_WARNING_README.txt", "System Volume Information")
KINDS = ["07", "83", "82", "8e", "ee", "05", BASIC_DATA, RESERVED, LINUX_DATA]


@st.composite
def volumes(draw: st.DrawFn, number: int) -> Volume:
    holds = tuple(draw(st.lists(st.sampled_from(MARKS), max_size=2, unique=True)))
    names = None
    if holds == ("ntfs",):
        names = draw(st.none() | st.lists(st.sampled_from([*PLATFORMS, "a.txt"]), unique=True).map(tuple))
    blank = not holds and draw(st.booleans())
    return Volume(
        number=number, start=number * 100 * MIB, size=100 * MIB, holds=holds, blank=blank, names=names
    )


@st.composite
def disks(draw: st.DrawFn, *, making: bool = False) -> Disk:
    found = {number: draw(volumes(number)) for number in range(draw(st.integers(1, 4)))}
    table = None
    if making or len(found) > 1 or draw(st.booleans()):
        entries = tuple(
            Entry(
                number=volume.number, start=volume.start, size=volume.size, type=draw(st.sampled_from(KINDS))
            )
            for number, volume in found.items()
            if number
        )
        damaged = None if making else draw(st.none() | st.just("torn"))
        mark = MAKING if making else draw(st.sampled_from([None, MADE]))
        table = Table(kind="mbr", entries=() if damaged else entries, damaged=damaged, mark=mark)
    problem = draw(st.none() | st.none() | st.just("Input/output error"))
    return Disk(
        name="sdb", source="x", identity="x", size=1 << 30, table=table, volumes=found, problem=problem
    )


def others(disk: Disk) -> bool:
    """Whether something on it may be somebody's."""
    entries = disk.table.entries if disk.table else ()
    kinds = {entry.number: entry.type for entry in entries}
    for number, volume in disk.volumes.items():
        if volume.holds == ("ntfs",) and volume.names is not None and number:
            found = bool(set(volume.names) - set(PLATFORMS))
        elif number:
            found = bool(volume.holds) or (not volume.blank and kinds.get(number) != RESERVED)
        else:
            found = bool(volume.holds) and disk.table is None
        if found:
            return True
    return disk.table is None and not disk.volumes[0].blank


@given(disks())
def test_a_disk_with_anything_on_it_is_never_formatted(disk: Disk) -> None:
    verdict = judge(disk)
    assert verdict.why
    assert verdict.action != FORMAT or (not others(disk) and disk.problem is None)


@given(disks(making=True))
def test_a_disk_that_was_being_made_is_formatted_only_where_no_file_system_is(disk: Disk) -> None:
    verdict = judge(disk)
    assert verdict.action != FORMAT or all(
        volume.holds in {(), ("ntfs",)} for number, volume in disk.volumes.items() if number
    )


@given(disks())
def test_only_a_file_system_that_is_known_alone_is_mounted(disk: Disk) -> None:
    verdict = judge(disk)
    assert verdict.action != MOUNT or disk.volumes[verdict.number].holds in {(name,) for name in KEPT}
