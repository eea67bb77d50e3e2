"""What is in the root folder of an NTFS volume: enough to tell the platform's empty one from one with data. Pure.

No driver is needed, and nothing is mounted. Whatever is unusual is refused: then the disk is left alone.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Read = Callable[[int, int], bytes]

_ROOT, _RESERVED_RECORDS = 5, 24
_INDEX_ROOT, _INDEX_ALLOCATION, _BITMAP, _ATTRIBUTE_LIST, _END = 0x90, 0xA0, 0xB0, 0x20, 0xFFFFFFFF
_MOST_INDEX = 1024 * 1024
_DOS_NAME = 2
_STRIDE = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class _Volume:
    cluster: int
    record: int
    table: int


def root_names(read: Read) -> tuple[str, ...]:
    """The names in the root folder, without the file system's own. read: gives the volume's bytes, by offset and size.

    Raises: MalformedDocument, when it is not a plain NTFS; what `read` raises.
    """
    try:
        volume = _volume(read(0, 512))
        record = _fixed(read(volume.table + _ROOT * volume.record, volume.record), b"FILE")
        return tuple(_listed(read, volume, dict(_attributes(record))))
    except (ValueError, IndexError, struct.error) as error:
        raise MalformedDocument("NTFS", str(error) or "it is cut short") from error


def _listed(read: Read, volume: _Volume, attributes: dict[int, bytes]) -> Iterator[str]:
    if _ATTRIBUTE_LIST in attributes or _INDEX_ROOT not in attributes:
        raise ValueError("its root folder is kept in an unusual way")
    root = _resident(attributes[_INDEX_ROOT])
    yield from _names(root[16:])
    if _INDEX_ALLOCATION in attributes:
        (size,) = struct.unpack_from("<I", root, 8)
        used = _resident(attributes.get(_BITMAP, b""))
        for block in _blocks(read, volume, attributes[_INDEX_ALLOCATION], size, used):
            yield from _names(block[24:])


def _volume(boot: bytes) -> _Volume:
    if boot[3:11] != b"NTFS    ":
        raise ValueError("it has no boot record")
    sector, per_cluster = struct.unpack_from("<HB", boot, 11)
    (table,) = struct.unpack_from("<Q", boot, 48)
    (record,) = struct.unpack_from("<b", boot, 64)
    # More than 128 sectors are written as a negative power of two.
    cluster = sector * (per_cluster if per_cluster <= 128 else 1 << (256 - per_cluster))
    size = record * cluster if record > 0 else 1 << -record
    if (
        sector not in {512, 1024, 2048, 4096}
        or not 512 <= cluster <= 1 << 21
        or size not in {1024, 2048, 4096}
    ):
        raise ValueError("its boot record has an unusual geometry")
    return _Volume(cluster=cluster, record=size, table=table * cluster)


def _fixed(block: bytes, magic: bytes) -> bytes:
    """A block with the last two bytes of each 512 put back from its update sequence."""
    at, count = struct.unpack_from("<HH", block, 4)
    if block[:4] != magic or count != len(block) // _STRIDE + 1 or at + 2 * count > _STRIDE - 2:
        raise ValueError(f"a record has no {magic.decode()} at its beginning")
    fixed = bytearray(block)
    for index in range(1, count):
        end = index * _STRIDE
        if block[end - 2 : end] != block[at : at + 2]:
            raise ValueError("a record was written in part only")
        fixed[end - 2 : end] = block[at + 2 * index : at + 2 * index + 2]
    return bytes(fixed)


def _attributes(record: bytes) -> Iterator[tuple[int, bytes]]:
    (at,) = struct.unpack_from("<H", record, 20)
    while True:
        (kind,) = struct.unpack_from("<I", record, at)
        if kind == _END:
            return
        (length,) = struct.unpack_from("<I", record, at + 4)
        if length < 24 or at + length > len(record):
            raise ValueError("an attribute has an impossible length")
        yield kind, record[at : at + length]
        at += length


def _resident(attribute: bytes) -> bytes:
    if attribute[8]:
        raise ValueError("its root folder is kept in an unusual way")
    size, at = struct.unpack_from("<IH", attribute, 16)
    return attribute[at : at + size]


def _names(header: bytes) -> Iterator[str]:
    """Names in one node of the index. header: from the index header on."""
    at, end = struct.unpack_from("<II", header, 0)
    while True:
        reference, length, _, flags = struct.unpack_from("<QHHH", header, at)
        if flags & 2:
            return
        if length < 82 or at + length > min(end, len(header)):
            raise ValueError("an entry of its root folder has an impossible length")
        size, kind = struct.unpack_from("<BB", header, at + 16 + 64)
        if reference & 0xFFFFFFFFFFFF >= _RESERVED_RECORDS and kind != _DOS_NAME:
            yield header[at + 82 : at + 82 + 2 * size].decode("utf-16-le", "replace")
        at += length


def _blocks(read: Read, volume: _Volume, attribute: bytes, size: int, used: bytes) -> Iterator[bytes]:
    """The blocks of the index that are in use. used: one bit for each."""
    if not attribute[8] or size not in {1024, 2048, 4096, 8192, 16384, 32768, 65536}:
        raise ValueError("its root folder is kept in an unusual way")
    (runs_at,) = struct.unpack_from("<H", attribute, 32)
    (total,) = struct.unpack_from("<Q", attribute, 48)
    if total > _MOST_INDEX:
        raise ValueError("its root folder has very many names")
    content = bytearray()
    for start, count in _runs(attribute[runs_at:]):
        wanted = min(count * volume.cluster, total - len(content))
        content += read(start * volume.cluster, wanted)
    if len(content) < total:
        raise ValueError("its root folder is cut short")
    for index in range(total // size):
        if used[index // 8] >> index % 8 & 1:
            yield _fixed(bytes(content[index * size : (index + 1) * size]), b"INDX")


def _runs(packed: bytes) -> Iterator[tuple[int, int]]:
    """Runs of clusters: first one and how many."""
    at, start = 0, 0
    while packed[at]:
        lengths, offsets = packed[at] & 15, packed[at] >> 4
        if not 1 <= lengths <= 8 or not 1 <= offsets <= 8:
            raise ValueError("a run of clusters is unusual")
        count = int.from_bytes(packed[at + 1 : at + 1 + lengths], "little")
        start += int.from_bytes(packed[at + 1 + lengths : at + 1 + lengths + offsets], "little", signed=True)
        if start < 0:
            raise ValueError("a run of clusters is before the beginning")
        yield start, count
        at += 1 + lengths + offsets
