"""Partition tables of the resource disk, MBR and GPT: read strictly, and made new. Pure.

A disk that is being prepared says so in the boot code of its first block, which neither kind of table uses. So a power cut
at any moment leaves either the disk as it was, or one that is known to hold nothing yet.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1024 * 1024
MOST_ENTRIES = 128
"""Most partitions of a table that is read."""

MAKING, MADE = "making", "made"
_TEXTS = {MAKING: b"limpet: this resource disk is being made\0", MADE: b"limpet: this is a resource disk\0"}
_TEXT_AT = 16
# int 18h: to a BIOS that tries to boot from it, go on with the next disk; then stay here.
_BOOT_CODE = b"\xcd\x18\xeb\xfe"

NTFS_TYPE, LINUX_TYPE, PROTECTIVE_TYPE = "07", "83", "ee"
BASIC_DATA = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"
RESERVED = "e3c9e316-0b5c-4db8-817d-f92df00215ae"
LINUX_DATA = "0fc63daf-8483-4772-8e79-3d69d8477de4"
PARTITION_NAME = "limpet-resource"

_ENTRY = struct.Struct("<B3sB3sII")
_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_GPT_ENTRY = struct.Struct("<16s16sQQQ72s")
_MBR_BLOCKS = (1 << 32) - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One partition. start, size: bytes. type: two hexadecimal digits (MBR) or a GUID."""

    number: int
    start: int
    size: int
    type: str
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A partition table. kind: mbr or gpt. damaged: why it cannot be believed. mark: making, made, or None for others' disks."""

    kind: str
    entries: tuple[Entry, ...] = ()
    damaged: str | None = None
    mark: str | None = None


def read_table(head: bytes, *, size: int, block: int) -> Table | None:
    """The table in a disk's first mebibyte; None where there is none. size: of the disk, block: of a logical block, bytes."""
    if len(head) < 512 or head[510:512] != b"\x55\xaa":
        if head[block : block + 8] == b"EFI PART":
            return Table(kind="gpt", damaged="its protective MBR is missing")
        return None
    mark = _mark_in(head)
    try:
        entries = tuple(_mbr_entries(head, block))
        if any(entry.type == PROTECTIVE_TYPE for entry in entries):
            return Table(kind="gpt", entries=_checked(_gpt_entries(head, block), size), mark=mark)
        return Table(kind="mbr", entries=_checked(entries, size), mark=mark)
    except ValueError as error:
        kind = "gpt" if head[block : block + 8] == b"EFI PART" else "mbr"
        return Table(kind=kind, damaged=str(error), mark=mark)


def new_table(
    *, size: int, block: int, identity: str, mark: str, place: tuple[int, int] | None = None
) -> tuple[tuple[int, bytes], ...]:
    """A table with one partition over the whole disk, as (offset, content), to be written in this order.

    identity: what the disk's ids are made of, so that the same disk gets the same ones. place: start and size of the
    partition in bytes, where it is not to be from the first mebibyte to the last. An MBR, or a GPT where an MBR cannot
    count so far.
    """
    digest = _digest(f"{identity} {size}")
    start, length = place or (MIB, (size - 2 * MIB) // MIB * MIB)
    if size // block <= _MBR_BLOCKS:
        entry = _mbr_entry(LINUX_TYPE, start // block, length // block)
        return ((0, _mbr(mark, digest[:4], entry)),)
    blocks = size // block
    protective = _mbr(mark, b"\0" * 4, _mbr_entry(PROTECTIVE_TYPE, 1, min(blocks - 1, _MBR_BLOCKS)))
    entries = _GPT_ENTRY.pack(
        _guid(LINUX_DATA),
        _identifier(digest[:16]),
        start // block,
        (start + length) // block - 1,
        0,
        PARTITION_NAME.encode("utf-16-le"),
    ).ljust(128 * MOST_ENTRIES, b"\0")
    array = -(-len(entries) // block)

    def header(own: int, other: int, entries_at: int) -> bytes:
        fields = [b"EFI PART", 0x10000, 92, 0, 0, own, other, 2 + array, blocks - 2 - array]
        fields += [_identifier(digest[16:]), entries_at, MOST_ENTRIES, 128, crc32(entries)]
        fields[3] = crc32(_HEADER.pack(*fields))
        return _HEADER.pack(*fields).ljust(block, b"\0")

    # The first block first: from then on the disk says what it is becoming, whatever else is torn.
    return (
        (0, protective),
        (
            (blocks - 1 - array) * block,
            entries.ljust(array * block, b"\0") + header(blocks - 1, 1, blocks - 1 - array),
        ),
        (block, header(1, blocks - 1, 2) + entries),
    )


def marked(first_block: bytes, mark: str) -> bytes:
    """The first 512 bytes of one of our disks with another mark."""
    return first_block[:_TEXT_AT] + _TEXTS[mark].ljust(440 - _TEXT_AT, b"\0") + first_block[440:512]


def partition_name(disk: str, number: int) -> str:
    """The kernel's name of a partition: sdb1, nvme0n1p1."""
    return f"{disk}p{number}" if disk[-1:].isdigit() else f"{disk}{number}"


def _mark_in(head: bytes) -> str | None:
    if head[: len(_BOOT_CODE)] != _BOOT_CODE:
        return None
    found = (mark for mark, text in _TEXTS.items() if head[_TEXT_AT : _TEXT_AT + len(text)] == text)
    return next(found, None)


def _mbr_entries(head: bytes, block: int) -> Iterator[Entry]:
    for index in range(4):
        status, _, kind, _, start, count = _ENTRY.unpack_from(head, 446 + 16 * index)
        if status not in {0, 0x80}:
            raise ValueError("its first block is no partition table")
        if kind:
            yield Entry(number=index + 1, start=start * block, size=count * block, type=f"{kind:02x}")


def _gpt_entries(head: bytes, block: int) -> tuple[Entry, ...]:
    header = head[block : block + 92]
    if len(header) < 92 or header[:8] != b"EFI PART":
        raise ValueError("its GPT is missing")
    _, _, length, checksum, _, own, _, _, _, _, at, count, each, entries_checksum = _HEADER.unpack(header)
    if length != 92 or own != 1 or each != 128 or not 1 <= count <= MOST_ENTRIES:
        raise ValueError("its GPT is of an unusual form")
    if crc32(header[:16] + b"\0\0\0\0" + header[20:]) != checksum:
        raise ValueError("its GPT's header has a wrong checksum")
    array = head[at * block : at * block + count * each]
    if len(array) != count * each or crc32(array) != entries_checksum:
        raise ValueError("its GPT's entries have a wrong checksum")
    return tuple(_gpt_entry(array, index, block) for index in range(count) if any(array[index * 128 :][:16]))


def _gpt_entry(array: bytes, index: int, block: int) -> Entry:
    kind, _, first, last, _, name = _GPT_ENTRY.unpack_from(array, index * 128)
    return Entry(
        number=index + 1,
        start=first * block,
        size=(last - first + 1) * block,
        type=_guid_text(kind),
        name=name.decode("utf-16-le", "replace").partition("\0")[0],
    )


def _checked(entries: tuple[Entry, ...], size: int) -> tuple[Entry, ...]:
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.start):
        if entry.start < max(end, 1) or entry.size <= 0:
            raise ValueError("its partitions overlap")
        end = entry.start + entry.size
    if end > size:
        raise ValueError("a partition ends beyond the disk")
    return entries


def _mbr(mark: str, signature: bytes, entry: bytes) -> bytes:
    code = _BOOT_CODE.ljust(440, b"\0") + signature + b"\0\0"
    return marked(code + entry.ljust(64, b"\0") + b"\x55\xaa", mark)


def _mbr_entry(kind: str, start: int, count: int) -> bytes:
    beyond = b"\xfe\xff\xff"  # cylinders, heads and sectors: not used
    return _ENTRY.pack(0, beyond, int(kind, 16), beyond, start, count)


def _guid(text: str) -> bytes:
    raw = bytes.fromhex(text.replace("-", ""))
    return raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]


def _guid_text(raw: bytes) -> str:
    text = (raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _digest(text: str) -> bytes:
    """32 bytes that differ from disk to disk: ids, not secrets. hashlib would load a library of 5 MB for them."""
    return b"".join([crc32(f"{number} {text}".encode()).to_bytes(4, "big") for number in range(8)])


def _identifier(digest: bytes) -> bytes:
    """A GUID of version 4 as it is on the disk."""
    return digest[:7] + bytes([digest[7] & 0x0F | 0x40, digest[8] & 0x3F | 0x80]) + digest[9:16]
