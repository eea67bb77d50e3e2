"""Plain HTTP over real sockets: kept connections, deadlines, and peers that misbehave."""

from __future__ import annotations

import itertools
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from tests.host.servers import answering, saying, serving

from limpet.host.http import PlainHttp
from limpet.model.errors import FabricUnreachable
from limpet.wire.http import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.servers import Conversation, Peer

SHORT = 0.3
"""Seconds; long enough for the loopback, short enough to wait for."""


@pytest.fixture
def http() -> Iterator[PlainHttp]:
    client = PlainHttp(user_agent="limpet/test")
    yield client
    client.close()


def get(http: PlainHttp, url: str, **how: float) -> Response:
    return http.exchange(
        Request(method="GET", url=url, timeout=how.get("timeout", 10), limit=int(how.get("limit", 1000)))
    )


def test_a_request_and_its_answer(http: PlainHttp) -> None:
    with serving(answering(b"<GoalState/>", headers="X-Id: 1\r\n")) as server:
        request = Request(
            method="POST", url=server.url("/machine?comp=x"), headers={"x-ms-version": "2"}, body=b"hello"
        )
        assert http.exchange(request) == Response(
            status=200, headers={"content-length": "12", "x-id": "1"}, body=b"<GoalState/>"
        )
        assert server.requests == [
            f"POST /machine?comp=x HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAccept-Encoding: identity\r\n"
            "Content-Length: 5\r\nx-ms-version: 2\r\nUser-Agent: limpet/test\r\n\r\nhello".encode()
        ]


def test_a_user_agent_that_is_given_is_the_only_one(http: PlainHttp) -> None:
    with serving(answering()) as server:
        http.exchange(Request(method="GET", url=server.url(), headers={"user-agent": "own"}))
        assert server.requests[0].lower().count(b"user-agent") == 1


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "410 Gone", "500 Oops", "302 Found"])
def test_every_status_is_an_answer_and_a_redirect_is_not_followed(http: PlainHttp, status: str) -> None:
    with serving(answering(b"x", status=status, headers="Location: /elsewhere\r\n")) as server:
        assert get(http, server.url()).status == int(status[:3])
        assert len(server.requests) == 1


def test_one_connection_carries_many_requests(http: PlainHttp) -> None:
    with serving(answering(b"x")) as server:
        for _ in range(5):
            get(http, server.url())
        assert (server.connections, len(server.requests)) == (1, 5)
        http.close()
        get(http, server.url())
        assert server.connections == 2


def test_requests_of_several_threads_do_not_mix(http: PlainHttp) -> None:
    def echo(peer: Peer) -> None:
        while request := peer.request():
            peer.answer(request.split()[1])

    wrong: list[str] = []

    def ask(name: int) -> None:
        for number in range(20):
            target = f"/{name}/{number}"
            if get(http, server.url(target)).body != target.encode():
                wrong.append(target)

    with serving(echo) as server:
        threads = [threading.Thread(target=ask, args=(name,)) for name in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        http.close()
        assert not wrong
        assert len(server.requests) == 120


def answer_once_then(end: str) -> Conversation:
    def converse(peer: Peer) -> None:
        peer.request()
        peer.answer(b"first")
        if end == "close after the next request":
            peer.request()
        if end == "reset after the next request":
            peer.request()
            peer.reset()

    return converse


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
@pytest.mark.parametrize("end", ["close", "close after the next request", "reset after the next request"])
def test_a_kept_connection_that_the_server_has_ended_is_replaced_once(
    http: PlainHttp, end: str, method: str
) -> None:
    with serving(answer_once_then(end), answering(b"second")) as server:
        assert get(http, server.url()).body == b"first"
        assert http.exchange(Request(method=method, url=server.url(), body=b"x")).body == b"second"
        assert server.connections == 2


def test_a_new_connection_that_is_closed_is_not_tried_again(http: PlainHttp) -> None:
    with serving(saying(b"")) as server:
        with pytest.raises(FabricUnreachable, match="closed without an answer"):
            get(http, server.url())
        assert server.connections == 1


def test_an_answer_cut_on_a_kept_connection_is_not_asked_for_again(http: PlainHttp) -> None:
    def converse(peer: Peer) -> None:
        peer.request()
        peer.answer()
        peer.request()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Le")

    with serving(converse) as server:
        get(http, server.url())
        with pytest.raises(FabricUnreachable, match="cut in its headers"):
            get(http, server.url())
        assert server.connections == 1


def test_a_closed_port_is_said(http: PlainHttp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(FabricUnreachable, match=rf"^GET http://127.0.0.1:{port}/a: Connection refused$"):
        get(http, f"http://127.0.0.1:{port}/a?sig=secret")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"garbage from another protocol", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", "cut after 9 of 100 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123", "cut after 3 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n", "at most 1000"),
    ],
)
def test_an_answer_that_cannot_be_used_is_said(http: PlainHttp, said: bytes, why: str) -> None:
    with serving(saying(said)) as server, pytest.raises(FabricUnreachable, match=why):
        get(http, server.url())


def silent(peer: Peer) -> None:
    peer.request()
    peer.ended.wait(20)


def endless_body(peer: Peer) -> None:
    peer.request()
    peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
    while not peer.ended.wait(0.02):
        peer.say(b"x")


def endless_headers(peer: Peer) -> None:
    peer.request()
    peer.say(b"HTTP/1.1 200 OK\r\n")
    for number in itertools.count():
        peer.say(b"A: %d\r\n" % number)
        if peer.ended.wait(0.02):
            return


@pytest.mark.parametrize("conversation", [silent, endless_body, endless_headers])
def test_the_deadline_holds_against_a_peer_that_is_slow_or_silent(
    http: PlainHttp, conversation: Conversation
) -> None:
    with serving(conversation) as server:
        with pytest.raises(FabricUnreachable, match=f"no complete answer within {SHORT:g} s"):
            get(http, server.url(), timeout=SHORT)
        assert server.connections <= 1  # none, where this process's other thread had no turn in all that time


def test_the_deadline_holds_against_a_peer_that_does_not_read(http: PlainHttp) -> None:
    def deaf(peer: Peer) -> None:
        peer.ended.wait(20)

    with serving(deaf) as server:
        request = Request(method="PUT", url=server.url(), body=bytes(32 * 1024 * 1024), timeout=SHORT)
        with pytest.raises(FabricUnreachable, match="no complete answer"):
            http.exchange(request)


def test_an_answer_that_comes_before_the_request_was_read_counts(http: PlainHttp) -> None:
    def refuse(peer: Peer) -> None:
        peer.socket.recv(1000)
        peer.answer(status="413 Too Large", headers="Connection: close\r\n")
        peer.socket.shutdown(socket.SHUT_WR)
        while peer.socket.recv(1 << 20):
            pass

    with serving(refuse) as server:
        request = Request(method="PUT", url=server.url(), body=bytes(8 * 1024 * 1024))
        assert http.exchange(request).status == 413


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://127.0.0.1/", "https"),
        ("http://localhost/", "not an address"),
        ("http://wire.server.internal/", "not an address"),
        ("nonsense", "not a usable http URL"),
    ],
)
def test_the_fabric_is_reached_by_address_and_in_plain_http_only(http: PlainHttp, url: str, why: str) -> None:
    with pytest.raises(FabricUnreachable, match=why):
        get(http, url)
