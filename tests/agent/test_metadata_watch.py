"""The look at the metadata service from behind a network OS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.agent.parts import ports

from limpet.agent.board import Board
from limpet.agent.metadata_watch import AGAIN, METADATA_EVERY, MetadataWatch
from limpet.host.fake import FakeMachine
from limpet.model.errors import FabricUnreachable
from limpet.wire.http import Response

if TYPE_CHECKING:
    from limpet.wire.http import Request


class Service:
    """It answers with a status, or not at all (None)."""

    def __init__(self) -> None:
        self.status: int | None = 200
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        if self.status is None:
            raise FabricUnreachable(
                "GET http://169.254.169.254/metadata/versions: no complete answer within 5 s"
            )
        return Response(status=self.status, headers={}, body=b"")


def watched() -> tuple[FakeMachine, Service, Board, MetadataWatch]:
    service = Service()
    fake = FakeMachine(fabric=service)
    board = Board()
    return fake, service, board, MetadataWatch(board, ports(fake), "169.254.169.254")


@pytest.mark.parametrize("status", [200, 400, 403, 404, 429, 500, 503])
def test_whatever_it_answers_the_way_is_there(status: int) -> None:
    fake, service, board, watch = watched()
    service.status = status
    assert watch.look() == METADATA_EVERY
    assert board.troubles == ()
    assert not fake.log.of("metadata.silent")


def test_silence_stands_in_the_status_is_logged_once_and_is_asked_about_sooner() -> None:
    fake, service, board, watch = watched()
    service.status = None
    for _ in range(3):
        assert watch.look() == AGAIN
    (trouble,) = board.troubles
    assert trouble.startswith("the instance metadata service does not answer: ")
    assert len(fake.log.of("metadata.silent")) == 1
    service.status = 200
    assert watch.look() == METADATA_EVERY
    assert board.troubles == ()
    assert len(fake.log.of("metadata.answers")) == 1


def test_other_trouble_stays_beside_it() -> None:
    _, service, board, watch = watched()
    board.trouble("certificates", "the certificates cannot be had")
    service.status = None
    watch.look()
    service.status = 200
    watch.look()
    assert board.troubles == ("the certificates cannot be had",)


def test_it_asks_by_a_connection_of_its_own_and_not_for_long() -> None:
    _, service, _, watch = watched()
    watch.look()
    (request,) = service.asked
    assert (request.method, request.url) == ("GET", "http://169.254.169.254/metadata/versions")
    assert request.headers == {"Metadata": "True", "Connection": "close"}
    assert request.timeout < AGAIN
