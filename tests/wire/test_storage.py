"""The requests that write a status blob."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.ids import Url
from limpet.wire.storage import (
    LARGEST_WRITE,
    PAGE,
    Padding,
    block_blob_request,
    page_blob_requests,
    page_ranges,
    with_query,
)

SAS = Url("https://s.blob.core.windows.net/$system/vm.status?sv=1&sig=x%3d")
DATE = "2030-01-01T00:00:00Z"


def test_a_block_blob_is_one_put() -> None:
    request = block_blob_request(SAS, b"{}", DATE)
    assert (request.method, request.url, request.body) == ("PUT", SAS, b"{}")
    assert request.headers == {
        "x-ms-blob-type": "BlockBlob",
        "x-ms-date": DATE,
        "x-ms-version": "2014-02-14",
    }


def test_a_page_blob_is_created_at_its_size_and_then_written() -> None:
    create, write = page_blob_requests(SAS, b"{}", DATE, Padding.SPACES)
    assert (create.method, create.url, create.body) == ("PUT", SAS, b"")
    assert create.headers == {
        "x-ms-blob-type": "PageBlob",
        "x-ms-blob-content-length": "512",
        "x-ms-date": DATE,
        "x-ms-version": "2014-02-14",
    }
    assert (write.method, write.url) == ("PUT", f"{SAS}&comp=page")
    assert write.body == b"{}" + b" " * 510
    assert write.headers == {
        "x-ms-page-write": "update",
        "x-ms-range": "bytes=0-511",
        "x-ms-date": DATE,
        "x-ms-version": "2014-02-14",
    }


@pytest.mark.parametrize(
    ("size", "pages"),
    [
        (0, []),
        (1, ["bytes=0-511"]),
        (512, ["bytes=0-511"]),
        (513, ["bytes=0-1023"]),
        (LARGEST_WRITE, ["bytes=0-4194303"]),
        (LARGEST_WRITE + 1, ["bytes=0-4194303", "bytes=4194304-4194815"]),
    ],
)
def test_no_write_is_larger_than_storage_takes(size: int, pages: list[str]) -> None:
    content = bytes(size)
    create, *writes = page_blob_requests(SAS, content, DATE, Padding.ZEROS)
    assert [write.headers["x-ms-range"] for write in writes] == pages
    assert int(create.headers["x-ms-blob-content-length"]) == sum(len(write.body) for write in writes)


@given(st.binary(max_size=2000), st.sampled_from(Padding))
def test_what_is_written_is_the_content_and_its_padding(content: bytes, padding: Padding) -> None:
    _, *writes = page_blob_requests(SAS, content, DATE, padding)
    written = b"".join(write.body for write in writes)
    assert written.startswith(content)
    assert set(written[len(content) :]) <= set(padding.value)
    assert len(written) % PAGE == 0
    assert len(written) - len(content) < PAGE


@given(st.integers(0, 100), st.integers(1, 9))
def test_ranges_cover_every_byte_once_and_in_order(pages: int, largest: int) -> None:
    ranges = list(page_ranges(pages * PAGE, largest=largest * PAGE))
    assert [byte for part in ranges for byte in part] == list(range(pages * PAGE))
    assert all(0 < len(part) <= largest * PAGE and part.start % PAGE == 0 for part in ranges)


@pytest.mark.parametrize(("size", "largest"), [(1, 512), (512, 1), (512, 0), (512, -512)])
def test_ranges_that_are_no_pages_are_refused(size: int, largest: int) -> None:
    with pytest.raises(ValueError, match="must be multiples of that"):
        page_ranges(size, largest=largest)


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("https://s/b?sig=x", "https://s/b?sig=x&comp=page"),
        ("https://s/b", "https://s/b?comp=page"),
        ("http://sas_url", "http://sas_url?comp=page"),
        ("https://s/b?", "https://s/b?comp=page"),
        ("https://s/b?sig=a%3d&", "https://s/b?sig=a%3d&comp=page"),
        ("https://s/b?sig=x#part", "https://s/b?sig=x&comp=page"),
        ("https://s/b#part?", "https://s/b?comp=page"),
    ],
)
def test_a_query_is_begun_or_continued(url: str, whole: str) -> None:
    assert with_query(Url(url), "comp=page") == whole
