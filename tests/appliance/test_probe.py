"""The probe of both platform addresses, over loopback."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from tests.host.servers import answering, serving

from limpet.appliance.workers.probe import Target, main, probe, targets
from limpet.host.clock import RealClock

if TYPE_CHECKING:
    from tests.host.servers import Conversation, Peer


UNHEARD = {"it was not asked", "no connection was made", "no answer came"}


def target(port: int, word: bytes = b"<Versions") -> Target:
    return Target("wire server", "127.0.0.1", port, "/?comp=versions", is_right=lambda _, body: word in body)


def told(*conversations: Conversation) -> dict[str, object]:
    """What the probe says of a server that talks so, one connection after the other."""
    one: dict[str, object] = {}
    with serving(*conversations) as server:
        for limit in (0.6, 6.0, 60.0):  # on a busy machine the first may be over before the server had a turn
            found = probe([target(server.port)], RealClock(), limit)
            every = found["targets"]
            assert isinstance(every, list)
            one = dict(every[0])
            if one["problem"] not in UNHEARD:
                break
    return one


def test_an_answer_by_the_protocol_is_one() -> None:
    found = told(answering(b"<?xml version='1.0'?><Versions/>"))
    assert (found["problem"], found["status"], found["source"]) == (None, 200, "127.0.0.1")


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_a_refusal_is_an_answer_and_told_apart(status: str) -> None:
    found = told(answering(b"", status=status))
    assert found["problem"] is None
    assert found["refused"] == int(status.split(maxsplit=1)[0])


@pytest.mark.parametrize(
    ("body", "status"), [(b"<html/>", "200 OK"), (b"<Versions/>", "503 Busy"), (b"<Versions/>", "500 No")]
)
def test_something_else_that_answers_is_not_the_platform(body: bytes, status: str) -> None:
    found = told(answering(body, status=status))
    assert str(found["problem"]).startswith(f"it answers with {status.split(maxsplit=1)[0]}")
    assert found["refused"] is None


def test_what_speaks_no_http_is_not_the_platform() -> None:
    def greet(peer: Peer) -> None:
        peer.request()
        peer.say(b"SSH-2.0-x\r\n\r\n")

    assert told(greet)["problem"] == "what answers does not speak HTTP"


def test_it_is_tried_again_until_it_answers() -> None:
    def reset(peer: Peer) -> None:
        peer.reset()

    with serving(reset, answering(b"busy", status="503 Busy"), answering(b"<Versions/>")) as server:
        asked = target(server.port)
        probe([asked], RealClock(), 60.0)
    assert asked.answered
    assert server.connections >= 3


def test_where_nobody_is_there_is_a_problem_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = probe([target(port)], RealClock(), 0.2)
    assert "Connection refused" in str(found["targets"])


def test_all_of_the_platform_is_asked() -> None:
    assert [each.name for each in targets()] == [
        "168.63.129.16:80", "168.63.129.16:32526", "169.254.169.254:80",
    ]  # fmt: skip
    elsewhere = targets("10.1.2.3", wire_port=81, host_plugin_port=82, metadata="10.1.2.4:83")
    assert [each.name for each in elsewhere] == ["10.1.2.3:81", "10.1.2.3:82", "10.1.2.4:83"]


@pytest.mark.parametrize(
    "arguments", [["--timeout"], ["--timeout", "soon"], ["now"], ["--wire-port", "x"], ["--metadata", "a:b"]]
)
def test_a_command_line_that_cannot_be_used_says_how_it_is(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "usage: probe" in capsys.readouterr().err
