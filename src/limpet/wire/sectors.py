"""What readers of discs share: where things are on a disc, and a file on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[int, int], bytes]
    """Bytes of the disc: from an offset, so many; fewer at its end."""

DOCUMENT = "provisioning media"
SECTOR = 2048
FIRST_DESCRIPTOR = 16
MOST_DESCRIPTORS = 32
LARGEST_FOLDER = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscFile:
    """One file. pieces: offset and length of each of its parts on the disc, bytes."""

    name: str
    size: int
    pieces: tuple[tuple[int, int], ...]


def exactly(read: Read, offset: int, size: int) -> bytes:
    """So many bytes. Raises: MalformedDocument, where the disc ends before."""
    found = read(offset, size)
    if len(found) < size:
        raise MalformedDocument(DOCUMENT, f"it ends at byte {offset + len(found)}, where more should be")
    return found
