"""Writing a status blob: the requests that storage wants. Source: wire-protocol.md §6.1."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from limpet.model.ids import Url
from limpet.wire.http import MIB, Request

if TYPE_CHECKING:
    from collections.abc import Iterator


STORAGE_VERSION = "2014-02-14"
PAGE = 512
LARGEST_WRITE = 4 * MIB


class Padding(Enum):
    """What fills the last page: spaces through the host plugin, NUL bytes directly."""

    SPACES = b" "
    ZEROS = b"\0"


def block_blob_request(url: Url, content: bytes, date: str) -> Request:
    """Replace a block blob whole. date: ``YYYY-MM-DDTHH:MM:SSZ``."""
    return Request(
        method="PUT", url=url, headers={"x-ms-blob-type": "BlockBlob", **_common(date)}, body=content
    )


def page_blob_requests(url: Url, content: bytes, date: str, padding: Padding) -> tuple[Request, ...]:
    """Make a page blob anew and write its pages, in order."""
    size = -(-len(content) // PAGE) * PAGE
    padded = content + padding.value * (size - len(content))
    create = Request(
        method="PUT",
        url=url,
        headers={"x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": str(size), **_common(date)},
    )
    writes = (
        Request(
            method="PUT",
            url=with_query(url, "comp=page"),
            headers={
                "x-ms-page-write": "update",
                "x-ms-range": f"bytes={pages.start}-{pages.stop - 1}",
                **_common(date),
            },
            body=padded[pages.start : pages.stop],
        )
        for pages in page_ranges(size)
    )
    return create, *writes


def page_ranges(size: int, *, largest: int = LARGEST_WRITE) -> Iterator[range]:
    """Cut `size` bytes into the writes that a page blob accepts.

    size, largest: bytes, multiples of 512. Raises: ValueError, when they are not.
    """
    if size % PAGE or largest % PAGE or largest <= 0:
        raise ValueError(f"pages are {PAGE} bytes: {size} and {largest} must be multiples of that")
    return (range(start, min(start + largest, size)) for start in range(0, size, largest))


def with_query(url: Url, query: str) -> Url:
    """`url` with one more query parameter. A fragment is not sent, and so is left out."""
    sent = url.partition("#")[0]
    joint = "" if sent.endswith(("?", "&")) else "&" if "?" in sent else "?"
    return Url(f"{sent}{joint}{query}")


def _common(date: str) -> dict[str, str]:
    return {"x-ms-date": date, "x-ms-version": STORAGE_VERSION}
