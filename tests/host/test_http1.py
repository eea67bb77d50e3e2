"""The HTTP reader without a socket: what is accepted, what is refused, however it is cut into pieces."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from limpet.host.http1 import HEAD_LIMIT, NotHttp, ResponseReader, place, request_head

LIMIT = 1000
BODY = b"0123456789"
KNOWN = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX-Name: a\r\nx-name: b\r\n\r\n" + BODY
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"4;name=value\r\n0123\r\n6\r\n456789\r\n0\r\nTrailer: x\r\n\r\n"
)
TO_END = b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n" + BODY
INTERIM = b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" + KNOWN
BARE = KNOWN.replace(b"\r\n", b"\n")


def read(
    data: bytes, *, method: str = "GET", limit: int = LIMIT, end: bool = True
) -> tuple[ResponseReader, bytes]:
    body = bytearray()
    reader = ResponseReader(method, limit=limit, take=body.extend)
    reader.feed(data)
    if end:
        reader.end()
    return reader, bytes(body)


@pytest.mark.parametrize("answer", [KNOWN, CHUNKED, TO_END, INTERIM, BARE])
@given(cuts=st.lists(st.integers(0, 200)))
def test_an_answer_is_the_same_in_whatever_pieces_it_arrives(answer: bytes, cuts: list[int]) -> None:
    body = bytearray()
    reader = ResponseReader("GET", limit=LIMIT, take=body.extend)
    places = sorted({0, len(answer), *(cut for cut in cuts if cut < len(answer))})
    for start, end in itertools.pairwise(places):
        reader.feed(answer[start:end])
    reader.end()
    assert (reader.status, bytes(body), reader.complete) == (200, BODY, True)


@pytest.mark.parametrize("answer", [KNOWN, CHUNKED, INTERIM, BARE])
def test_an_answer_cut_at_any_byte_is_refused(answer: bytes) -> None:
    for end in range(len(answer)):
        with pytest.raises(NotHttp, match=r"cut|closed"):
            read(answer[:end])


def test_headers_have_lower_case_names_and_repeated_ones_are_joined() -> None:
    reader, _ = read(KNOWN)
    assert reader.headers == {"content-length": "10", "x-name": "a, b"}


@pytest.mark.parametrize(
    ("answer", "reusable"),
    [
        (KNOWN, True),
        (CHUNKED, True),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", True),
        (KNOWN + b"x", False),
        (TO_END, False),
        (KNOWN.replace(b"X-Name: a", b"Connection: Close"), False),
        (KNOWN.replace(b"HTTP/1.1", b"HTTP/1.0"), False),
    ],
)
def test_a_connection_is_used_again_only_after_a_clear_end(answer: bytes, reusable: bool) -> None:
    reader, _ = read(answer)
    assert reader.reusable is reusable


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"),
        ("PUT", b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
        ("GET", b"HTTP/1.1 200\r\nContent-Length: 0, 0\r\n\r\n"),
    ],
)
def test_an_answer_without_a_body_is_complete_at_once(method: str, answer: bytes) -> None:
    reader, body = read(answer, method=method, end=False)
    assert reader.complete
    assert body == b""


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        (b"<html>", "not HTTP"),
        (b"\x16\x03\x01", "not HTTP"),
        (b"HTTP/2 200\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 OK\r\n\r\n", "status line"),
        (b"HTTP/1.1 99 Low\r\n\r\n", "status line"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "headers is unusable"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n", "headers is unusable"),
        (b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "headers is unusable"),
        (b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", "headers is unusable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n", "length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", "length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "1001 bytes; at most 1000"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", "length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "chunk"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "longer than it says"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001,
            "larger than the 1000",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001, "larger than the 1000"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "101"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 9, "100"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * HEAD_LIMIT, "too long"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * HEAD_LIMIT, "too long"),
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"A%d: b\r\n" % n for n in range(200)), "more than"),
    ],
)
def test_what_is_not_a_usable_answer_is_refused_with_a_reason(answer: bytes, why: str) -> None:
    with pytest.raises(NotHttp, match=why):
        read(answer)


@given(
    st.binary()
    | st.builds(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail, st.binary())
    | st.builds(
        lambda at, junk: KNOWN[:at] + junk + KNOWN[at:], st.integers(0, len(KNOWN)), st.binary(max_size=5)
    )
    | st.builds(
        lambda at, junk: CHUNKED[:at] + junk + CHUNKED[at:],
        st.integers(0, len(CHUNKED)),
        st.binary(max_size=5),
    )
)
@example(b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n")
def test_whatever_arrives_is_an_answer_within_its_limit_or_is_refused(data: bytes) -> None:
    try:
        reader, body = read(data)
    except NotHttp:
        return
    assert reader.complete
    assert 200 <= reader.status < 1000
    assert len(body) == reader.received <= LIMIT


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "authority"),
    [
        ("http://168.63.129.16/machine?comp=goalstate", "168.63.129.16", 80, "/machine?comp=goalstate", "168.63.129.16"),
        ("HTTP://10.0.0.1:32526", "10.0.0.1", 32526, "/", "10.0.0.1:32526"),
        ("http://[::1]:80/a#part", "::1", 80, "/a", "[::1]"),
        ("https://account.blob.core.windows.net?sig=x", "account.blob.core.windows.net", 443, "/?sig=x",
         "account.blob.core.windows.net"),
    ],
)  # fmt: skip
def test_a_url_says_where_to_go(url: str, host: str, port: int, target: str, authority: str) -> None:
    where = place(url)
    assert (where.host, where.port, where.target, where.authority) == (host, port, target, authority)


@pytest.mark.parametrize(
    "url",
    ["", "ftp://a/", "http://", "http://user:word@a/", "http://a:0/", "http://a:99999/", "http://a/b c", "http://a/\r\nX: y",
     "http://a/ü", "/path", "http://a b/", "http://a\n/"],
)  # fmt: skip
def test_a_url_that_could_mean_something_else_is_refused(url: str) -> None:
    with pytest.raises(NotHttp):
        place(url)


def test_a_url_is_shown_without_its_query() -> None:
    assert place("https://a/b?sig=secret").shown == "https://a/b"
    with pytest.raises(NotHttp) as refused:
        place("http://a b/?sig=secret")
    assert "secret" not in str(refused.value)


def test_a_request_has_a_host_a_length_where_there_may_be_a_body_and_nothing_twice() -> None:
    where = place("http://10.0.0.1:32526/status")
    assert request_head("PUT", where, {"x-ms-version": "1"}, body_length=0) == (
        b"PUT /status HTTP/1.1\r\nHost: 10.0.0.1:32526\r\nAccept-Encoding: identity\r\nContent-Length: 0\r\n"
        b"x-ms-version: 1\r\n\r\n"
    )
    assert request_head("GET", where, {"host": "a", "Accept-Encoding": "b"}, body_length=0) == (
        b"GET /status HTTP/1.1\r\nhost: a\r\nAccept-Encoding: b\r\n\r\n"
    )


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb", "a\0b"])
def test_a_header_value_from_outside_cannot_end_its_line(value: str) -> None:
    with pytest.raises(NotHttp, match="line break"):
        request_head("GET", place("http://a/"), {"x-ms-artifact-location": value}, body_length=0)
