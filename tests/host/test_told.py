"""What log.verbose writes of the exchanges with the fabric."""

from __future__ import annotations

import pytest

from limpet.host.fake import FakeClock, FakeHttp, FakeLog, nobody
from limpet.host.told import ToldHttp
from limpet.model.errors import FabricUnreachable
from limpet.wire.http import Request, Response

ASKED = Request(method="POST", url="http://168.63.129.16/machine?comp=health", body=b"secret")


def test_every_exchange_is_a_line_with_sizes_and_no_content() -> None:
    clock, log = FakeClock(), FakeLog()

    def slow(request: Request) -> Response:
        clock.sleep(0.25)
        return Response(status=200, headers={}, body=b"answer")

    answer = ToldHttp(FakeHttp(slow), log, clock).exchange(ASKED)
    assert answer.body == b"answer"
    [line] = log.of("http.exchange")
    assert line == {
        "method": "POST", "url": ASKED.url, "sent": 6, "status": 200, "received": 6, "seconds": 0.25,
    }  # fmt: skip


def test_an_exchange_that_failed_is_told_and_still_fails() -> None:
    log = FakeLog()
    with pytest.raises(FabricUnreachable):
        ToldHttp(FakeHttp(nobody), log, FakeClock()).exchange(ASKED)
    [line] = log.of("http.failed")
    assert "Connection refused" in str(line["problem"])
