"""A journal that is damaged: what of it can still be believed. Decision: docs/decisions/0025-journal-damage.md.

Every record has a checksum and a number that only grows, so that what is whole is known to be what was written, and in which
order. What is missing between two records is counted by their numbers; at the end, by the room that it took.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.appliance.journal import Record

SHORTEST = 60
"""Bytes that a record has at least."""
_BEGINS = b' {"at":'
"""What follows a record's checksum; in its members each quotation mark has a backslash before it."""
_CHECKSUM = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Damage:
    """start: its first byte in the file. size: its bytes. lost: how many records at most were there.

    inside: whether whole records follow it.
    """

    start: int
    size: int
    lost: int
    inside: bool

    @property
    def missing(self) -> str:
        """How many, for people."""
        return f"{self.lost} record{'' if self.lost == 1 else 's'}{'' if self.inside else ' at most'}"


def is_torn(rest: bytes, read: Callable[[bytes], Record | None]) -> bool:
    """Whether what is behind the last whole record may just be one that was being written when the power went.

    A line that has its end was whole once: what it said was done. And no record has a zero in it.
    """
    return b"\n" not in rest and b"\0" not in rest and read(rest[:-1] + b"\n") is None


def salvaged(content: bytes, read: Callable[[bytes], Record | None]) -> tuple[Record | Damage, ...]:
    """Every whole record whose number is above those before it, and what is missing, each in its place.

    read: gives the record of a line, None for one that is not whole.
    """
    found: list[Record | Damage] = []
    last, wrong = 0, 0
    """The number of the last record; the first byte after it."""
    for start, record, end in _whole(content, read):
        if record.number <= last:
            continue  # of another time: it is somewhere else, or was repeated
        lost = record.number - last - 1
        if start > wrong or (lost and found):
            found.append(Damage(start=wrong, size=start - wrong, lost=lost, inside=True))
        found.append(record)
        last, wrong = record.number, end
    if wrong < len(content):
        size = len(content) - wrong
        found.append(Damage(start=wrong, size=size, lost=size // SHORTEST, inside=False))
    return tuple(found)


def _whole(content: bytes, read: Callable[[bytes], Record | None]) -> Iterator[tuple[int, Record, int]]:
    at = 0
    for line in content.splitlines(keepends=True):
        start, end = at, at + len(line)
        at = end
        record = read(line)
        if record is None:  # the end of a line may have been lost, or its beginning
            cut = line.rfind(_BEGINS) - _CHECKSUM
            if cut <= 0:
                continue
            record, start = read(line[cut:]), start + cut
        if record is not None:
            yield start, record, end
