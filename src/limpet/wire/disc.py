"""Files at the root of a disc, ISO 9660 or UDF, read without mounting it. Decision: docs/decisions/0014-media-reader.md.

A disc comes from outside: every read, list and length here is bounded, and whatever does not fit is MalformedDocument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.errors import HostError, MalformedDocument
from limpet.wire.sectors import DOCUMENT, FIRST_DESCRIPTOR, MOST_DESCRIPTORS, SECTOR, DiscFile, exactly

if TYPE_CHECKING:
    from collections.abc import Collection

    from limpet.wire.sectors import Read

_GATHERED, _MOST_GATHERED = 64 * 1024, 40
_IDENTIFIERS = frozenset({"CD001", "BEA01", "NSR02", "NSR03", "BOOT2", "TEA01", "CDW02"})


def find_files(read: Read, wanted: Collection[str]) -> tuple[DiscFile, ...]:
    """The files at the root whose names, in lower case, are `wanted`; all spellings of a name.

    What UDF has comes first: where a disc has both, an ISO 9660 side may be empty. Raises: MalformedDocument, for what is
    neither; whatever `read` raises.
    """
    from limpet.wire import iso9660, udf  # noqa: PLC0415 - only what the disc is

    kinds = recognized(read)
    found: tuple[DiscFile, ...] = ()
    problems = []
    for identifier, reader in (("NSR0", udf.find_files), ("CD001", iso9660.find_files)):
        if any(kind.startswith(identifier) for kind in kinds):
            try:
                found = reader(read, wanted)
            except MalformedDocument as error:
                problems.append(error.problem)
            if found:
                return found
    if problems or not kinds:
        raise MalformedDocument(DOCUMENT, "; ".join(problems) or "there is neither ISO 9660 nor UDF on it")
    return found


def content(read: Read, file: DiscFile, *, at_most: int) -> bytes:
    """What is in a file. Raises: MalformedDocument, when it is larger or the disc ends before it does."""
    if file.size > at_most:
        raise MalformedDocument(
            DOCUMENT, f"{file.name} has {file.size} bytes; at most {at_most} are accepted"
        )
    found = b"".join(exactly(read, offset, min(length, at_most)) for offset, length in file.pieces)
    if len(found) < file.size:
        raise MalformedDocument(DOCUMENT, f"{file.name} says {file.size} bytes and has {len(found)}")
    return found[: file.size]


def gathered(read: Read) -> Read:
    """The same disc in fewer and larger reads, each kept: every read of a drive costs it a look at its medium.

    Where a large read fails, just what is asked for is read: a bad sector beside it does no harm.
    """
    kept: dict[int, bytes] = {}

    def piece(number: int) -> bytes:
        if number not in kept:
            kept[number] = read(number * _GATHERED, _GATHERED)
        return kept[number]

    def some(offset: int, size: int) -> bytes:
        first, last = offset // _GATHERED, (offset + size + _GATHERED - 1) // _GATHERED
        if last - first > _MOST_GATHERED or len(kept) > _MOST_GATHERED:
            return read(offset, size)
        try:
            found = b"".join(piece(number) for number in range(first, last))
        except HostError:
            return read(offset, size)
        return found[offset - first * _GATHERED :][:size]

    return some


def recognized(read: Read) -> list[str]:
    """The identifiers of the volume recognition sequence, in order; none where this is no disc.

    Source: ECMA-167 2/8, ECMA-119 §8.
    """
    found: list[str] = []
    for sector in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + MOST_DESCRIPTORS):
        name = read(sector * SECTOR, 6)[1:].decode("ascii", "replace")
        if name not in _IDENTIFIERS:
            break
        found.append(name)
    return found
