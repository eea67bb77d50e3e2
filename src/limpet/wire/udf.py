"""The root folder of a UDF disc: plain partitions of 2048-byte blocks, as discs of the platform have. Source: ECMA-167, UDF 1.02.

Virtual, sparable and metadata partitions are not read: the kernel can, by a mount.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.model.errors import MalformedDocument
from limpet.wire.sectors import DOCUMENT, LARGEST_FOLDER, SECTOR, DiscFile, exactly

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from limpet.wire.sectors import Read

_ANCHORS = (256, 512)
_MOST_SECTORS = 64
_MOST_PIECES = 256
_ANCHOR, _PARTITION, _VOLUME, _TERMINATOR = 2, 5, 6, 8
_FILE_SET, _NAME, _FILE, _EXTENDED_FILE = 256, 257, 261, 266
_TAG = struct.Struct("<HHBBHHHI")
_LONG = struct.Struct("<IIH6x")
_SHORT = struct.Struct("<II")
_FOLDER_FLAG, _DELETED, _PARENT = 0x02, 0x04, 0x08
_SHORT_PIECES, _LONG_PIECES, _EMBEDDED = 0, 1, 3
_LENGTH = 0x3FFFFFFF


@dataclass(frozen=True, kw_only=True, slots=True)
class _Disc:
    """read: the disc. starts: the first sector of each partition, by its number in the volume's map."""

    read: Read
    starts: Mapping[int, int]

    def offset(self, block: int, partition: int) -> int:
        if partition not in self.starts:
            raise MalformedDocument(
                DOCUMENT, f"the UDF side refers to a partition {partition} that it has not"
            )
        return (self.starts[partition] + block) * SECTOR

    def tagged(self, offset: int, *kinds: int) -> bytes:
        block = exactly(self.read, offset, SECTOR)
        if _tag(block) not in kinds:
            raise MalformedDocument(
                DOCUMENT, f"the UDF side has no descriptor of kind {kinds[0]} at byte {offset}"
            )
        return block


def find_files(read: Read, wanted: Collection[str]) -> tuple[DiscFile, ...]:
    """The files at the root whose names, in lower case, are `wanted`. Raises: MalformedDocument."""
    disc, file_set = _mounted(read)
    block = disc.tagged(file_set, _FILE_SET)
    _, root, partition = _LONG.unpack_from(block, 400)
    folder = _entry(disc, "the root folder", disc.offset(root, partition))
    if folder.size > LARGEST_FOLDER:
        raise MalformedDocument(DOCUMENT, f"its root folder has {folder.size} bytes")
    names = b"".join(exactly(read, offset, length) for offset, length in folder.pieces)[: folder.size]
    return tuple(
        _entry(disc, name, disc.offset(entry, partition))
        for name, entry, partition in _names(names)
        if name.lower() in wanted
    )


def _mounted(read: Read) -> tuple[_Disc, int]:
    """The disc's partitions, and where its file set is."""
    for sector in _ANCHORS:
        anchor = read(sector * SECTOR, SECTOR)
        if len(anchor) == SECTOR and _tag(anchor) == _ANCHOR:
            break
    else:
        raise MalformedDocument(DOCUMENT, "the UDF side has no anchor at sector 256 or 512")
    length, start = _SHORT.unpack_from(anchor, 16)
    partitions: dict[int, int] = {}
    volume = None
    for sector in range(start, start + min(length // SECTOR, _MOST_SECTORS)):
        block = exactly(read, sector * SECTOR, SECTOR)
        kind = _tag(block)
        if kind == _PARTITION:
            partitions[int.from_bytes(block[22:24], "little")] = int.from_bytes(block[188:192], "little")
        elif kind == _VOLUME:
            volume = block
        elif kind == _TERMINATOR:
            break
    if volume is None:
        raise MalformedDocument(DOCUMENT, "the UDF side has no logical volume")
    if int.from_bytes(volume[212:216], "little") != SECTOR:
        raise MalformedDocument(DOCUMENT, "the UDF side does not have blocks of 2048 bytes")
    disc = _Disc(read=read, starts=dict(_map(volume, partitions)))
    _, file_set, partition = _LONG.unpack_from(volume, 248)
    return disc, disc.offset(file_set, partition)


def _map(volume: bytes, partitions: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """The volume's own numbers of its plain partitions."""
    position = 440
    for number in range(min(int.from_bytes(volume[268:272], "little"), 16)):
        if position + 6 > len(volume):
            return
        kind, length = volume[position], volume[position + 1]
        partition = int.from_bytes(volume[position + 4 : position + 6], "little")
        if kind == 1 and partition in partitions:
            yield number, partitions[partition]
        position += max(length, 1)


def _entry(disc: _Disc, name: str, offset: int) -> DiscFile:
    """A file entry, plain or extended."""
    block = disc.tagged(offset, _FILE, _EXTENDED_FILE)
    where = 168 if _tag(block) == _FILE else 208
    attributes, length = _SHORT.unpack_from(block, where)
    start = where + 8 + attributes
    if start + length > SECTOR:
        raise MalformedDocument(DOCUMENT, f"the UDF entry of {name} does not fit its block")
    size = int.from_bytes(block[56:64], "little")
    kind = int.from_bytes(block[34:36], "little") & 7
    if kind == _EMBEDDED:
        pieces: tuple[tuple[int, int], ...] = ((offset + start, length),)
    elif kind in {_SHORT_PIECES, _LONG_PIECES}:
        partition = next(iter(disc.starts), 0)
        pieces = tuple(_pieces(disc, block[start : start + length], kind, partition))
    else:
        raise MalformedDocument(DOCUMENT, f"the UDF entry of {name} has pieces of an unknown kind {kind}")
    return DiscFile(name=name, size=size, pieces=pieces)


def _pieces(disc: _Disc, area: bytes, kind: int, partition: int) -> Iterator[tuple[int, int]]:
    layout = _SHORT if kind == _SHORT_PIECES else _LONG
    for position in range(0, min(len(area) - layout.size + 1, _MOST_PIECES * layout.size), layout.size):
        length, block, *rest = layout.unpack_from(area, position)
        if length & _LENGTH == 0:
            return
        if length & ~_LENGTH:
            raise MalformedDocument(DOCUMENT, "the UDF side has a file with holes")
        yield disc.offset(block, rest[0] if rest else partition), length & _LENGTH


def _names(folder: bytes) -> Iterator[tuple[str, int, int]]:
    """Name, block and partition of each file in a folder."""
    position = 0
    while position + 38 <= len(folder):
        if _tag(folder[position : position + 16]) != _NAME:
            raise MalformedDocument(DOCUMENT, f"the UDF side's root folder is damaged at byte {position}")
        characteristics, length = folder[position + 18], folder[position + 19]
        _, block, partition = _LONG.unpack_from(folder, position + 20)
        start = position + 38 + int.from_bytes(folder[position + 36 : position + 38], "little")
        raw = folder[start : start + length]
        position = (start + length + 3) & ~3
        if characteristics & (_FOLDER_FLAG | _DELETED | _PARENT) or not raw:
            continue
        yield raw[1:].decode("utf-16-be" if raw[0] == 16 else "latin-1", "replace"), block, partition


def _tag(block: bytes) -> int | None:
    """The kind of a descriptor; None where its tag's checksum is wrong."""
    if len(block) < _TAG.size:
        return None
    total = (sum(block[:16]) - block[4]) & 0xFF
    return int.from_bytes(block[:2], "little") if total == block[4] else None
