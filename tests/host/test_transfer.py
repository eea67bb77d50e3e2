"""One download inside the worker: what storage may answer to break it, and silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.host.servers import answering, saying, serving

from limpet.host.clock import Deadline
from limpet.host.download import download
from limpet.host.transfer import Call, transfer
from limpet.model.errors import FabricUnreachable

if TYPE_CHECKING:
    from pathlib import Path

    from tests.host.servers import Peer

LIMIT = 1000
ELSEWHERE = "http://storage.invalid/p.zip"


def content(call: Call) -> bytes:
    with transfer(call, Deadline(60)) as incoming:
        return b"".join(incoming.body)


@pytest.mark.parametrize("location", ["http://[", "ftp://elsewhere/", "http://a b/", "http://:x/", "//[::1/"])
def test_a_redirect_that_leads_nowhere_is_an_answer_that_cannot_be_used(
    tmp_path: Path, location: str
) -> None:
    with (
        serving(answering(status="302 Found", headers=f"Location: {location}\r\n")) as server,
        pytest.raises(FabricUnreachable, match="redirected to somewhere unusable"),
    ):
        download(Call("GET", server.url(), {}, limit=LIMIT), str(tmp_path / "got"), Deadline(60))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", ["9" * 5000, "0" * 20 + "9" * 16, str(LIMIT + 1)])
def test_a_length_beyond_the_limit_is_refused_through_a_proxy_too(length: str) -> None:
    said = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nx".encode()
    with (
        serving(saying(said)) as proxy,
        pytest.raises(FabricUnreachable, match=f"its body has .* at most {LIMIT} are accepted"),
    ):
        content(Call("GET", ELSEWHERE, {}, limit=LIMIT, proxy=proxy.url()))


@pytest.mark.parametrize("length", ["\u00b2", "-1", "x", ""])
def test_a_length_that_is_no_number_says_nothing(length: str) -> None:
    said = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nxy".encode("latin-1")
    with serving(saying(said)) as proxy:
        assert content(Call("GET", ELSEWHERE, {}, limit=LIMIT, proxy=proxy.url())) == b"xy"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nxy"])
def test_a_connection_that_brings_nothing_is_given_up_long_before_the_deadline(said: bytes) -> None:
    def silent(peer: Peer) -> None:
        peer.request()
        peer.say(said)
        peer.ended.wait(20)

    with serving(silent) as server, pytest.raises(FabricUnreachable, match=r"nothing came for 0\.2 s"):
        content(Call("GET", server.url(), {}, limit=LIMIT, silence=0.2))
