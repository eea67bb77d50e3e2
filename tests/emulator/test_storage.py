from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulator.worlds import NOW, Client, header, world

from limpet.emulator.storage.blobs import (
    PAGE,
    Blob,
    BlobRefused,
    BlobStore,
    create_page_blob,
    slice_of,
    write_pages,
)
from limpet.emulator.storage.signatures import check, token
from limpet.emulator.world.goalstates import status_path
from limpet.model.extensions import BlobType
from limpet.model.ids import Url
from limpet.wire.storage import Padding, block_blob_request, page_blob_requests

KEY = b"key"
DATE = "2027-01-15T08:00:00Z"


def signed(client: Client, permissions: str = "rw", path: str | None = None) -> str:
    return client.world.settings.blob_url(path or status_path(client.vm), permissions)


def test_a_block_blob_is_written_whole_and_read_back() -> None:
    client = Client(world())
    request = block_blob_request(Url(signed(client)), b"content", DATE)
    assert client.blob("PUT", request.url, request.body, request.headers).status == 201
    reply = client.blob("GET", signed(client))
    assert (reply.status, reply.body, header(reply, "x-ms-blob-type")) == (200, b"content", "BlockBlob")


def test_a_page_blob_is_created_and_written_as_agents_do_it() -> None:
    client = Client(world())
    requests = page_blob_requests(Url(signed(client)), b"x" * 1000, DATE, Padding.ZEROS)
    for request in requests:
        assert client.blob("PUT", request.url, request.body, request.headers).status == 201
    reply = client.blob("GET", signed(client))
    assert reply.body == b"x" * 1000 + bytes(24)
    assert header(reply, "x-ms-blob-type") == "PageBlob"


def test_what_is_created_is_201_and_has_an_etag_that_changes_with_the_content() -> None:
    client = Client(world())
    block = {"x-ms-blob-type": "BlockBlob"}
    first, second = (client.blob("PUT", signed(client), body, block) for body in (b"1", b"2"))
    assert first.status == second.status == 201
    assert header(first, "etag") != header(second, "etag")


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"", 400),
        ({"x-ms-blob-type": "AppendBlob"}, b"", 400),
        ({"x-ms-blob-type": "PageBlob"}, b"", 400),
        ({"x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": "513"}, b"", 400),
        ({"x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": "many"}, b"", 400),
        ({"x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": "9" * 30}, b"", 400),
        ({"x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": "512"}, b"x", 400),
    ],
)
def test_a_write_that_storage_would_refuse_is_refused(
    headers: dict[str, str], body: bytes, status: int
) -> None:
    client = Client(world())
    reply = client.blob("PUT", signed(client), body, headers)
    assert reply.status == status
    assert header(reply, "x-ms-error-code") is not None
    assert b"<Error><Code>" in reply.body


@pytest.mark.parametrize(
    ("span", "how", "length", "status"),
    [
        ("bytes=0-511", "update", 512, 201),
        ("bytes=512-1023", "Update", 512, 201),
        ("bytes=0-1023", "clear", 0, 201),
        ("bytes=0-510", "update", 511, 416),
        ("bytes=1-512", "update", 512, 416),
        ("bytes=512-511", "update", 0, 416),
        ("bytes=0-1535", "update", 1536, 416),
        ("bytes=0-511", "update", 100, 400),
        ("bytes=0-511", None, 512, 400),
        ("bytes=0-", "update", 512, 400),
        (None, "update", 512, 400),
        ("pages=1", "update", 512, 400),
    ],
)
def test_pages_are_written_in_aligned_ranges_within_the_blob(
    span: str | None, how: str | None, length: int, status: int
) -> None:
    client = Client(world())
    create = {"x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": "1024"}
    assert client.blob("PUT", signed(client), b"", create).status == 201
    headers = {name: value for name, value in (("x-ms-range", span), ("x-ms-page-write", how)) if value}
    reply = client.blob("PUT", f"{signed(client)}&comp=page", b"x" * length, headers)
    assert reply.status == status


def test_pages_of_a_blob_that_does_not_exist_or_is_a_block_blob_are_refused() -> None:
    client = Client(world())
    pages = {"x-ms-range": "bytes=0-511", "x-ms-page-write": "update"}
    assert client.blob("PUT", f"{signed(client)}&comp=page", bytes(512), pages).status == 404
    client.blob("PUT", signed(client), b"x" * 512, {"x-ms-blob-type": "BlockBlob"})
    assert client.blob("PUT", f"{signed(client)}&comp=page", bytes(512), pages).status == 409


def test_a_private_blob_needs_a_signature_that_fits() -> None:
    client = Client(world())
    url = signed(client)
    block = {"x-ms-blob-type": "BlockBlob"}
    assert client.blob("PUT", url.split("?")[0], b"1", block).status == 404
    assert client.blob("PUT", url.replace("sp=rw", "sp=rwd"), b"1", block).status == 403
    assert client.blob("PUT", url[:-6] + "AAAA%3D", b"1", block).status == 403
    assert client.blob("PUT", signed(client, "r"), b"1", block).status == 403
    assert client.blob("PUT", signed(client, "rw", "$system/other"), b"1", block).status == 201
    assert client.blob("GET", signed(client)).status == 404
    assert client.blob("PUT", url, b"1", block).status == 201
    assert client.blob("GET", signed(client, "w")).status == 403


def test_an_expired_signature_is_refused() -> None:
    query = dict(parse_qsl(token(KEY, "a/b", "r", "2020-01-01T00:00:00Z")))
    check(KEY, "a/b", query, "r", 0.0)
    with pytest.raises(BlobRefused, match="expired"):
        check(KEY, "a/b", query, "r", NOW)


@given(st.binary(max_size=3000), st.integers(0, 4000), st.integers(0, 4000))
def test_a_range_gives_the_bytes_it_names(content: bytes, first: int, last: int) -> None:
    blob = Blob(kind=BlobType.BLOCK, content=content, modified=0)
    if first >= len(content) or last < first:
        with pytest.raises(BlobRefused):
            slice_of(blob, f"bytes={first}-{last}")
        return
    status, part, where = slice_of(blob, f"bytes={first}-{last}")
    assert (status, part) == (206, content[first : last + 1])
    assert where == f"bytes {first}-{first + len(part) - 1}/{len(content)}"


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(1, 4), st.binary(min_size=1, max_size=1)), max_size=8)
)
def test_page_writes_change_what_they_cover_and_nothing_else(writes: list[tuple[int, int, bytes]]) -> None:
    expected = bytearray(8 * PAGE)
    store = create_page_blob(BlobStore(), "a/b", str(len(expected)), 0.0)
    for page, count, fill in writes:
        first, last = page * PAGE, min(page + count, 8) * PAGE - 1
        content = fill * (last + 1 - first)
        store = write_pages(store, "a/b", f"bytes={first}-{last}", "update", content, 0.0)
        expected[first : last + 1] = content
    assert store.get("a/b").content == bytes(expected)
