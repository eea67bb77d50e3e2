"""The Http port: the same behaviour from a function and from a socket."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import pytest
from tests.host.servers import Peer, serving

from limpet.host.fake import FakeHttp, nobody
from limpet.host.http import PlainHttp
from limpet.model.errors import FabricUnreachable
from limpet.wire.http import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.host.ports import Http

    Site = Callable[[str, dict[str, str], bytes], Response]
    Open = Callable[[Site], contextlib.AbstractContextManager[tuple[Http, str]]]


@contextlib.contextmanager
def in_memory(site: Site) -> Iterator[tuple[Http, str]]:
    def answer(request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        return site(request.url.removeprefix("http://10.0.0.1"), headers, request.body)

    yield FakeHttp(answer), "http://10.0.0.1"


@contextlib.contextmanager
def over_sockets(site: Site) -> Iterator[tuple[Http, str]]:
    def converse(peer: Peer) -> None:
        while request := peer.request():
            head, _, body = request.partition(b"\r\n\r\n")
            line, *fields = head.decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
            response = site(line.split()[1], headers, body)
            extra = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
            peer.answer(response.body, status=f"{response.status} Word", headers=extra)

    with serving(converse) as server:
        client = PlainHttp(user_agent="limpet/test")
        yield client, server.url("")
        client.close()


@pytest.fixture(params=[in_memory, over_sockets], ids=["fake", "real"])
def opened(request: pytest.FixtureRequest) -> Open:
    chosen: Open = request.param
    return chosen


def test_target_headers_and_body_arrive_and_the_answer_comes_back(opened: Open) -> None:
    def site(target: str, headers: dict[str, str], body: bytes) -> Response:
        return Response(status=201, headers={"ETag": headers["x-ms-version"]}, body=target.encode() + body)

    with opened(site) as (http, base):
        response = http.exchange(
            Request(method="PUT", url=f"{base}/a?b=c", headers={"X-MS-Version": "7"}, body=b"!")
        )
    assert (response.status, response.headers["etag"], response.body) == (201, "7", b"/a?b=c!")


@pytest.mark.parametrize("status", [304, 400, 404, 410, 503])
def test_every_status_is_an_answer(opened: Open, status: int) -> None:
    with opened(lambda *_: Response(status=status)) as (http, base):
        assert http.exchange(Request(method="GET", url=base + "/")).status == status


def test_a_body_beyond_the_limit_is_no_answer(opened: Open) -> None:
    with opened(lambda *_: Response(status=200, body=b"12345")) as (http, base):
        assert http.exchange(Request(method="GET", url=base + "/", limit=5)).body == b"12345"
        with pytest.raises(FabricUnreachable, match=re.escape("5 bytes; at most 4")):
            http.exchange(Request(method="GET", url=base + "/", limit=4))


def test_where_nobody_listens_the_connection_is_refused() -> None:
    with pytest.raises(FabricUnreachable, match="Connection refused"):
        FakeHttp(nobody).exchange(Request(method="GET", url="http://10.0.0.1/"))
