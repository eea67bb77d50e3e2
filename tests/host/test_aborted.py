"""Exchanges that are ended while they go on: a stage that may not talk any more falls silent at once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.host.servers import Peer, answering, serving

from limpet.host.fetch import WorkerFetcher
from limpet.host.http import PlainHttp
from limpet.model.errors import FabricUnreachable, HostError
from limpet.wire.http import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.host.servers import Conversation

LONG = 3600.0
"""Seconds that no test waits."""


def silent_until(over: threading.Event, then: Callable[[], None]) -> Conversation:
    """Takes a request, does something, and never answers."""

    def converse(peer: Peer) -> None:
        peer.request()
        then()
        over.wait(20)

    return converse


def test_an_exchange_that_waits_for_an_answer_ends_and_no_other_begins() -> None:
    http, over = PlainHttp(user_agent="limpet/test"), threading.Event()
    with serving(silent_until(over, http.abort), answering(b"x")) as server:
        request = Request(method="GET", url=server.url(), timeout=LONG)
        with pytest.raises(FabricUnreachable):
            http.exchange(request)
        with pytest.raises(FabricUnreachable):
            http.exchange(request)
        over.set()
        assert len(server.requests) == 1
    http.close()


def test_an_exchange_on_a_kept_connection_ends_too() -> None:
    http, over = PlainHttp(user_agent="limpet/test"), threading.Event()

    def both(peer: Peer) -> None:
        peer.request()
        peer.answer(b"x")
        silent_until(over, http.abort)(peer)

    with serving(both) as server:
        request = Request(method="GET", url=server.url(), timeout=LONG)
        http.exchange(request)
        with pytest.raises(FabricUnreachable):
            http.exchange(request)
        over.set()
        assert len(server.requests) == 2
    http.close()


def test_a_download_ends_with_its_worker_and_no_other_is_started(tmp_path: Path) -> None:
    fetcher, over = WorkerFetcher(user_agent="limpet/test"), threading.Event()
    with serving(silent_until(over, fetcher.abort), answering(b"x")) as server:
        url = server.url()
        with pytest.raises(HostError):
            fetcher.fetch(url, Path(tmp_path, "x"), headers={}, limit=100, timeout=LONG)
        with pytest.raises(HostError):
            fetcher.exchange(Request(method="GET", url=url, timeout=LONG))
        fetcher.warm()
        over.set()
        assert len(server.requests) == 1
