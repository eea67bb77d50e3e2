"""The root folder of an ISO 9660 disc, with Joliet's or Rock Ridge's names. Source: ECMA-119, Joliet 1, SUSP/RRIP 1.12."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from limpet.model.errors import MalformedDocument
from limpet.wire.sectors import (
    DOCUMENT,
    FIRST_DESCRIPTOR,
    LARGEST_FOLDER,
    MOST_DESCRIPTORS,
    SECTOR,
    DiscFile,
    exactly,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from limpet.wire.sectors import Read

_PRIMARY, _SUPPLEMENTARY, _END = 1, 2, 255
_JOLIET = {b"%/@", b"%/C", b"%/E"}
_ROOT = slice(156, 190)
# length, extended attributes, extent, -, size, -, date, flags, -, -, -, -, name length
_RECORD = struct.Struct("<BBI4xI4x7sBBB4xB")
_HIDDEN, _FOLDER = 0x01, 0x02
_CONTINUES = 0x01


def find_files(read: Read, wanted: Collection[str]) -> tuple[DiscFile, ...]:
    """The files at the root whose names, in lower case, are `wanted`. Raises: MalformedDocument."""
    roots = _roots(read)
    if not roots:
        raise MalformedDocument(DOCUMENT, "the ISO 9660 side has no volume descriptor")
    found: tuple[DiscFile, ...] = ()
    for joliet, root in roots:
        found = tuple(_files(read, root, joliet, wanted))
        if found:
            break
    return found


def _roots(read: Read) -> list[tuple[bool, bytes]]:
    """The root record of each volume descriptor; Joliet's first, which knows names as they are."""
    found: list[tuple[bool, bytes]] = []
    for sector in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + MOST_DESCRIPTORS):
        descriptor = read(sector * SECTOR, SECTOR)
        if len(descriptor) < SECTOR or descriptor[1:6] != b"CD001" or descriptor[0] == _END:
            break
        if descriptor[0] == _PRIMARY:
            found.append((False, descriptor[_ROOT]))
        elif descriptor[0] == _SUPPLEMENTARY and descriptor[88:91] in _JOLIET:
            found.insert(0, (True, descriptor[_ROOT]))
    return found


def _files(read: Read, root: bytes, joliet: bool, wanted: Collection[str]) -> Iterator[DiscFile]:
    extent, size = _RECORD.unpack_from(root)[2:4]
    if size > LARGEST_FOLDER:
        raise MalformedDocument(DOCUMENT, f"its root folder has {size} bytes")
    folder = exactly(read, extent * SECTOR, size)
    position = 0
    while position + _RECORD.size <= len(folder):
        length, skipped, extent, size, _, flags, _, _, name_length = _RECORD.unpack_from(folder, position)
        if length == 0:  # records do not cross sectors
            position = (position // SECTOR + 1) * SECTOR
            continue
        record = folder[position : position + length]
        if length < _RECORD.size + name_length or len(record) < length:
            raise MalformedDocument(DOCUMENT, f"an entry of its root folder at byte {position} is cut")
        position += length
        if flags & (_HIDDEN | _FOLDER):
            continue
        name = _name(record, name_length, joliet)
        if name.lower() in wanted:
            yield DiscFile(name=name, size=size, pieces=(((extent + skipped) * SECTOR, size),))


def _name(record: bytes, length: int, joliet: bool) -> str:
    raw = record[_RECORD.size : _RECORD.size + length]
    if joliet:
        name = raw.decode("utf-16-be", "replace")
    else:
        after = _RECORD.size + length + (length + 1) % 2
        name = _rock_ridge(record[after:]) or raw.decode("ascii", "replace")
    return name.partition(";")[0].rstrip(".")


def _rock_ridge(area: bytes) -> str:
    """The alternate name (NM) of a system use area; empty where there is none."""
    name = b""
    position = 0
    while position + 4 <= len(area):
        signature, length = area[position : position + 2], area[position + 2]
        if length < 4:
            break
        if signature == b"NM" and length > 5:
            name += area[position + 5 : position + length]
            if not area[position + 4] & _CONTINUES:
                break
        position += length
    return name.decode("utf-8", "replace")
