"""The blob store: named bytes with the rules of block and page blobs.

Source: wire-protocol.md §6.1 for what clients send; the answers are those of the storage service's published API.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from limpet.model.extensions import BlobType

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = 512
MIB = 1024 * 1024
LARGEST_BLOCK_BLOB = 256 * MIB
LARGEST_PAGE_BLOB = 64 * MIB
LARGEST_PAGE_WRITE = 4 * MIB

_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})\Z")


class BlobRefused(Exception):
    """The store will not do this. status: the HTTP status; code: the storage service's word for it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """One blob. public: readable without a signature. modified: seconds since 1970."""

    kind: BlobType
    content: bytes
    modified: float
    content_type: str = "application/octet-stream"
    public: bool = False

    @property
    def etag(self) -> str:
        """Names this content at this time, quoted as storage does."""
        digest = hashlib.sha256(f"{self.modified!r}".encode() + self.content).hexdigest()
        return f'"0x{digest[:16].upper()}"'


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobStore:
    """Every blob by its path ``container/name``, without a leading slash."""

    blobs: Mapping[str, Blob] = field(default_factory=dict)

    def get(self, path: str) -> Blob:
        """The blob at `path`. Raises: BlobRefused."""
        blob = self.blobs.get(path)
        if blob is None:
            raise BlobRefused(404, "BlobNotFound", f"there is no blob {path}")
        return blob

    def put(self, path: str, blob: Blob) -> BlobStore:
        """Create or replace a whole blob. Raises: BlobRefused, when it is too large."""
        if len(blob.content) > LARGEST_BLOCK_BLOB:
            raise BlobRefused(413, "RequestBodyTooLarge", f"a blob holds at most {LARGEST_BLOCK_BLOB} bytes")
        return replace(self, blobs={**self.blobs, path: blob})

    def without(self, path: str) -> BlobStore:
        """The store without the blob at `path`."""
        return replace(self, blobs={name: blob for name, blob in self.blobs.items() if name != path})


def create_page_blob(store: BlobStore, path: str, length: str | None, now: float) -> BlobStore:
    """Create a page blob of zeros, replacing what was there.

    length: the text of ``x-ms-blob-content-length``. Raises: BlobRefused.
    """
    if length is None or not (length.isascii() and length.isdecimal()):
        raise BlobRefused(400, "MissingRequiredHeader", "x-ms-blob-content-length must be a number of bytes")
    size = int(length[:20])
    if size % PAGE or size > LARGEST_PAGE_BLOB:
        raise BlobRefused(
            400,
            "InvalidHeaderValue",
            f"x-ms-blob-content-length {size} is not a multiple of {PAGE}, or too large",
        )
    return store.put(path, Blob(kind=BlobType.PAGE, content=bytes(size), modified=now))


def write_pages(
    store: BlobStore, path: str, span: str | None, how: str | None, content: bytes, now: float
) -> BlobStore:
    """Write or clear one range of an existing page blob.

    span: ``bytes=<first>-<last>``. how: the text of ``x-ms-page-write``, ``update`` or ``clear``. Raises: BlobRefused.
    """
    blob = store.get(path)
    if blob.kind is not BlobType.PAGE:
        raise BlobRefused(409, "InvalidBlobType", f"{path} is a block blob; pages are written to page blobs")
    match = _RANGE.match(span or "")
    if match is None or not match.group(2):
        raise BlobRefused(400, "InvalidHeaderValue", f"x-ms-range must be bytes=<first>-<last>, not {span!r}")
    first, last = int(match.group(1)), int(match.group(2))
    if first % PAGE or (last + 1) % PAGE or last < first:
        raise BlobRefused(416, "InvalidPageRange", f"the range {first}-{last} is not aligned to {PAGE} bytes")
    if last >= len(blob.content):
        raise BlobRefused(
            416, "InvalidPageRange", f"the range ends at {last}, the blob at {len(blob.content) - 1}"
        )
    length = last + 1 - first
    match (how or "").lower():
        case "update":
            if length > LARGEST_PAGE_WRITE:
                raise BlobRefused(
                    413, "RequestBodyTooLarge", f"one write holds at most {LARGEST_PAGE_WRITE} bytes"
                )
            if length != len(content):
                raise BlobRefused(
                    400, "InvalidHeaderValue", f"the range has {length} bytes, the body {len(content)}"
                )
            written = content
        case "clear":
            written = bytes(length)
        case _:
            raise BlobRefused(
                400, "InvalidHeaderValue", f"x-ms-page-write must be update or clear, not {how!r}"
            )
    whole = blob.content[:first] + written + blob.content[last + 1 :]
    return store.put(path, replace(blob, content=whole, modified=now))


def slice_of(blob: Blob, span: str | None) -> tuple[int, bytes, str | None]:
    """What a GET with this Range header gets: status, bytes, Content-Range.

    A header that is not understood is ignored, as HTTP asks. Raises: BlobRefused, when the range lies outside.
    """
    match = _RANGE.match(span or "")
    if match is None:
        return 200, blob.content, None
    size = len(blob.content)
    first = int(match.group(1))
    last = min(int(match.group(2)) if match.group(2) else size - 1, size - 1)
    if first >= size or last < first:
        raise BlobRefused(416, "InvalidRange", f"the range starts at {first}, the blob has {size} bytes")
    return 206, blob.content[first : last + 1], f"bytes {first}-{last}/{size}"
