"""Heartbeats of handlers that promised one. Source: extensions.md §6.5."""

from __future__ import annotations

import json

import pytest
from tests.scenario.handlers import enable
from tests.scenario.stage import Stage, stage

from limpet.model.errors import Code


def beating(content: bytes | None) -> Stage:
    """A stage with an enabled handler that has left this heartbeat."""
    play = stage()
    play.host(reportHeartbeat="true")
    play.publish(enable())
    play.parts["install"] = lambda _: leave(play, content)
    play.turn()
    return play


def leave(play: Stage, content: bytes | None) -> None:
    if content is not None:
        play.files.replace(play.folder().heartbeat_file, content)


def beat(status: str = "ready", message: str = "alive") -> bytes:
    text = {"lang": "en-US", "message": message}
    return json.dumps(
        [{"version": 1.0, "heartbeat": {"status": status, "code": "0", "formattedMessage": text}}]
    ).encode()


def test_a_fresh_heartbeat_gives_its_own_words() -> None:
    play = beating(beat("ready", "alive"))
    assert play.entry().status == "ready"
    assert play.message() == "alive"
    assert play.entry().code == 0
    assert play.state() == "success"


def test_a_changed_heartbeat_is_reported_at_once() -> None:
    play = beating(beat())
    play.live(30)
    leave(play, beat("notready", "no database"))
    play.live(4)
    assert play.entry().status == "notready"


def test_a_heartbeat_that_stops_makes_the_handler_unresponsive_after_ten_minutes() -> None:
    play = beating(beat())
    play.live(590)
    assert play.entry().status == "ready"
    play.live(80)
    assert play.entry().status == "Unresponsive"
    leave(play, beat())
    play.live(4)
    assert play.entry().status == "ready"


def test_a_heartbeat_that_is_missing_is_an_error() -> None:
    play = beating(None)
    assert (play.entry().status, play.entry().code) == ("NotReady", -1)
    assert play.message() == "Failed to get heart beat file"


@pytest.mark.parametrize(
    "content",
    [b"", b"alive", b"[]", b"[{}]", b'[{"heartbeat": 5}]', b"\xff\xfe", b"[" * 60_000, b" " * 70_000],
    ids=lambda content: content[:12].decode("latin-1"),
)
def test_a_heartbeat_that_cannot_be_read_is_an_error(content: bytes) -> None:
    play = beating(content)
    assert play.entry().status == "Ready"  # it may be being written
    play.live(10)
    assert (play.entry().status, play.entry().code) == ("NotReady", -1)
    assert play.message().startswith("The heartbeat file cannot be used: ")


def test_a_heartbeat_that_is_being_written_changes_nothing_that_was_reported() -> None:
    play = beating(beat("ready", "all well"))
    for number in range(5):
        leave(play, b"[{" + b" " * number)
        play.live(3)
        assert (play.entry().status, play.message()) == ("ready", "all well")
        leave(play, beat("ready", "all well"))
        play.live(3)
    leave(play, b"[{")
    play.live(12)
    assert play.entry().status == "NotReady"


def test_a_heartbeat_without_a_message_leaves_the_agents() -> None:
    play = beating(json.dumps([{"heartbeat": {"status": "ready", "code": 0}}]).encode())
    assert (play.entry().status, play.message()) == ("ready", "Plugin enabled")


def test_an_error_of_a_command_is_not_hidden_by_a_fresh_heartbeat() -> None:
    play = beating(beat())
    play.parts["enable"] = 3
    play.publish(enable())
    leave(play, beat())
    play.turn()
    assert play.entry().code == Code.ENABLE
    assert "exit code: 3" in play.message()


def test_handlers_that_promised_none_need_none() -> None:
    play = stage()
    play.enabled()
    leave(play, b"nonsense")
    play.live(70)
    assert play.entry().status == "Ready"
