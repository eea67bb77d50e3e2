"""What is on a disk: its partition table, the marks of file systems, the root folder of an NTFS; and who uses it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.disk_contents import Disk, Volume
from limpet.guest.ntfs import root_names
from limpet.guest.partition_table import MIB, read_table
from limpet.guest.signatures import HEAD, TAIL, is_blank, signatures
from limpet.host.facts.reading import names_in, text_of
from limpet.model.errors import HostError, MalformedDocument

if TYPE_CHECKING:
    from limpet.guest.mounts import Swap
    from limpet.guest.partition_table import Entry, Table
    from limpet.host.ports import Devices, Files

_BLOCK = Path("/sys/block")
_END = 64 * 1024
_MOST_VOLUMES = 8
"""Most partitions that are looked into; with more of them a disk is not fresh anyway."""


def look_at_disk(files: Files, devices: Devices, name: str, source: str, swaps: tuple[Swap, ...]) -> Disk:
    """Everything of one disk; what cannot be read becomes its problem."""
    folder, path = _BLOCK / name, Path("/dev", name)
    names = [each for each in names_in(files, folder) if text_of(files, folder / each / "partition")]
    size = _number(files, folder / "size") * 512
    block = _number(files, folder / "queue" / "logical_block_size") or 512
    table, first, volumes, problem = None, b"", {}, None
    try:
        head = devices.read(path, 0, HEAD)
        first = head[:512]
        table = _table(head, size, block)
        if table is None or table.damaged is not None:  # it may be further in
            head = devices.read(path, 0, MIB)
            table = _table(head, size, block)
        at_end = MIB if table is None or size < 2 * MIB else _END
        volumes = {0: _whole(head, devices.read(path, max(0, size - at_end), at_end), size, table)}
        for entry in table.entries[:_MOST_VOLUMES] if table else ():
            volumes[entry.number] = _volume(devices, path, entry)
    except HostError as error:
        problem = str(error)
    return Disk(
        name=name,
        source=source,
        identity=f"{source} {name}",
        size=size,
        block=block,
        read_only=text_of(files, folder / "ro") == "1",
        table=table,
        first_block=first,
        volumes=volumes,
        used=_used(files, name, names, swaps),
        partitions={each: _place(files, folder / each) for each in names},
        numbers={name: _numbers(files, folder)} | {each: _numbers(files, folder / each) for each in names},
        problem=problem if size else f"the kernel shows no size of /dev/{name}",
    )


def _table(head: bytes, size: int, block: int) -> Table | None:
    """A file system over the whole disk may have a boot record that looks like a table."""
    return None if signatures(head[:512]) else read_table(head, size=size, block=block)


def _whole(head: bytes, tail: bytes, size: int, table: Table | None) -> Volume:
    """Of a partitioned disk only the marks at its very end count: what is further in belongs to the partitions."""
    holds = signatures(head if table is None else b"", tail)
    return Volume(number=0, start=0, size=size, holds=holds, blank=is_blank(head, tail))


def _volume(devices: Devices, path: Path, entry: Entry) -> Volume:
    head = devices.read(path, entry.start, min(HEAD, entry.size))
    tail = devices.read(path, entry.start + max(0, entry.size - TAIL), min(TAIL, entry.size))
    holds, names, problem = signatures(head, tail), None, None
    if not any(head):  # nearly blank is not blank
        head = devices.read(path, entry.start, min(MIB, entry.size))
    if holds == ("ntfs",):
        try:
            names = root_names(lambda offset, size: _within(devices, path, entry, offset, size))
        except MalformedDocument as error:
            problem = error.problem
    return Volume(
        number=entry.number,
        start=entry.start,
        size=entry.size,
        holds=holds,
        blank=is_blank(head, tail),
        names=names,
        problem=problem,
    )


def _within(devices: Devices, path: Path, entry: Entry, offset: int, size: int) -> bytes:
    """A part of a partition, and nothing beyond it, whatever a file system says of where its things are."""
    size = max(0, min(size, entry.size - offset))
    return devices.read(path, entry.start + offset, size) if size else b""


def _place(files: Files, folder: Path) -> tuple[int, int]:
    """The kernel counts in 512 bytes, whatever the blocks are."""
    return _number(files, folder / "start") * 512, _number(files, folder / "size") * 512


def _used(files: Files, name: str, partitions: list[str], swaps: tuple[Swap, ...]) -> dict[str, str]:
    used = {}
    for each in (name, *partitions):
        folder = _BLOCK / name if each == name else _BLOCK / name / each
        holders = names_in(files, folder / "holders")
        if holders:
            used[each] = ", ".join(holders)
        elif any(swap.path == f"/dev/{each}" for swap in swaps):
            used[each] = "the kernel, as swap"
    return used


def _numbers(files: Files, folder: Path) -> str:
    return text_of(files, folder / "dev") or ""


def _number(files: Files, path: Path) -> int:
    text = text_of(files, path) or ""
    return int(text) if text.isdecimal() else 0
