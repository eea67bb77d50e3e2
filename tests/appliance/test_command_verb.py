"""`limpet nos`, and the process that serves it: from the command line to the network OS and back."""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from limpet.appliance.commands import nos as nos_command
from limpet.appliance.requests.worker import rights
from limpet.config.load import load_config
from limpet.guest.command_protocol import CommandReply, parse_request
from limpet.host.clock import Deadline, RealClock
from limpet.host.command_door import Door
from limpet.host.command_socket import Asked, CommandSocket
from limpet.host.fake import FakeMachine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PLENTY = 60.0


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Callable[[CommandReply], Path]]:
    """Gives a place where the next request gets this reply."""
    over = threading.Event()
    threads: list[threading.Thread] = []

    def begin(reply: CommandReply) -> Path:
        door = Door(str(tmp_path / "command.sock"))
        channel = CommandSocket(socket.socket(fileno=os.dup(door.descriptor)), RealClock())

        def serve() -> None:
            deadline = Deadline(PLENTY)
            while not over.is_set() and not deadline.over:
                for asked in channel.step(0.05):
                    heard.append(asked)
                    channel.reply(asked.number, reply)
            channel.close()
            door.close()

        thread = threading.Thread(target=serve)
        thread.start()
        threads.append(thread)
        return tmp_path / "command.sock"

    yield begin
    over.set()
    for thread in threads:
        thread.join(PLENTY)


heard: list[Asked] = []


def test_streams_and_exit_code_are_passed_on(
    answering: Callable[[CommandReply], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    heard.clear()
    place = answering(CommandReply(exit_code=7, stdout="a\nb\n", stderr="hm\n"))
    assert nos_command.run(["show", "ip", "route"], [place]) == 7
    assert tuple(capsys.readouterr()) == ("a\nb\n", "hm\n")
    assert parse_request(heard[0].content or b"").line == "show ip route"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (CommandReply(exit_code=None, problem="denied", refused=True), 126),
        (CommandReply(exit_code=None, problem="too slow"), 124),
        (CommandReply(exit_code=0), 0),
        (CommandReply(exit_code=-9), 137),
    ],
)
def test_each_end_has_its_exit_code(
    answering: Callable[[CommandReply], Path],
    reply: CommandReply,
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert nos_command.run(["show", "version"], [answering(reply)]) == code
    assert (reply.problem or "") in capsys.readouterr().err


def test_the_answer_for_programs_is_whole(
    answering: Callable[[CommandReply], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = answering(CommandReply(exit_code=1, stdout="x", stderr="y"))
    assert nos_command.run(["--json", "show", "version"], [place]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "exitCode": 1,
        "stdout": "x",
        "stderr": "y",
        "problem": None,
        "refused": False,
    }


def test_where_nobody_answers_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert nos_command.run(["show", "version"], [tmp_path / "command.sock"]) == 125
    assert "takes no commands here" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["show\nreload"], ["--timeout", "0", "show"], ["x" * 2000]])
def test_what_cannot_be_asked_is_wrong_usage(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        nos_command.run(arguments, [tmp_path / "command.sock"])
    assert ended.value.code == 2
    assert "limpet nos" in capsys.readouterr().err


def test_who_may_ask_for_what_is_in_the_settings() -> None:
    files = FakeMachine().files
    config = load_config(
        files, options=["commands.allow=show ip", "commands.root=100000", "commands.group=27"]
    )
    found = rights(config)
    assert (found.users, found.group) == (frozenset({100000}), 27)
    assert found.policy.refusal("show ip route") is None
    assert found.policy.refusal("show version") is not None
