"""Requests for commands from a guest shell that may be hostile: real sockets, a network OS in memory."""

from __future__ import annotations

import json
import os
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from limpet.appliance.requests import desk as serving
from limpet.appliance.requests.desk import CommandDesk, Rights
from limpet.guest.command_policy import CommandPolicy
from limpet.guest.command_protocol import (
    LARGEST_REQUEST,
    CommandReply,
    CommandRequest,
    parse_reply,
    render_request,
)
from limpet.guest.steps import Run
from limpet.host.clock import Deadline, RealClock
from limpet.host.command_door import Door
from limpet.host.command_socket import MOST_CLIENTS, CommandSocket
from limpet.host.fake import FakeClock, FakeLog
from limpet.host.ports import Completed
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from limpet.host.ports import Clock

PLENTY = 60.0


@dataclass
class SlowCommands:
    """A network OS that ends a line when the test says so. ran: the lines, in order."""

    may_end: threading.Event = field(default_factory=threading.Event)
    began: threading.Event = field(default_factory=threading.Event)
    ran: list[str] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)
    stdout: bytes = b"Acme NOS 1.0\n"
    exit_code: int | None = 0

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0, at_most: int = 1024 * 1024
    ) -> Completed:
        self.ran.append(argv[1])
        self.timeouts.append(timeout)
        self.began.set()
        self.may_end.wait(PLENTY)
        return Completed(exit_code=self.exit_code, stdout=self.stdout, stderr=b"warning\n", seconds=0.0)

    def exists(self, program: str) -> bool:
        return program == "acme"


class Desk:
    """A desk and what clients do to it; its loop is the test's."""

    def __init__(self, place: Path, *, rights: Rights | None = None, clock: Clock | None = None) -> None:
        self.commands = SlowCommands()
        self.commands.may_end.set()
        self.log = FakeLog()
        self.place = place
        self.door = Door(str(place))
        listener = socket.socket(fileno=os.dup(self.door.descriptor))
        self.channel = CommandSocket(listener, clock or RealClock())
        self.desk = CommandDesk(
            self.channel,
            rights or Rights(users=frozenset({os.geteuid()})),
            self.planned,
            commands=self.commands,
            clock=clock or RealClock(),
            log=self.log,
        )
        self.clients: list[socket.socket] = []

    @staticmethod
    def planned(line: str) -> Run:
        if line == "show nothing":
            raise HostError("this network OS takes no commands")
        return Run(("acme", line), timeout=25.0)

    def connect(self, content: bytes = b"") -> socket.socket:
        """A client that has sent something."""
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.clients.append(client)
        client.settimeout(PLENTY)
        client.connect(str(self.place))
        client.sendall(content)
        return client

    def ask(self, line: str, timeout: float | None = None) -> socket.socket:
        return self.connect(render_request(CommandRequest(line=line, timeout=timeout)))

    def turn(self, count: int = 3) -> None:
        for _ in range(count):
            self.desk.step(0.02)

    def reply(self, client: socket.socket) -> CommandReply:
        return parse_reply(self.all_of(client))

    def all_of(self, client: socket.socket) -> bytes:
        """What a client gets until its connection is closed."""
        client.setblocking(False)
        content, deadline = b"", Deadline(PLENTY)
        while not deadline.over:
            self.desk.step(0.02)
            try:
                while piece := client.recv(1 << 16):
                    content += piece
                return content
            except BlockingIOError:
                continue
            except ConnectionResetError:
                return content
        raise AssertionError("the connection stays open")

    def close(self) -> None:
        self.commands.may_end.set()
        self.desk.close()
        self.door.close()
        for client in self.clients:
            client.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "command.sock")
    yield made
    made.close()


def test_a_line_is_done_and_its_streams_and_exit_code_come_back(desk: Desk) -> None:
    desk.commands.exit_code = 3
    reply = desk.reply(desk.ask("show version"))
    assert reply == CommandReply(exit_code=3, stdout="Acme NOS 1.0\n", stderr="warning\n")
    assert desk.commands.ran == ["show version"]


def test_each_command_and_each_refusal_is_in_the_log_with_who_asked(desk: Desk) -> None:
    desk.reply(desk.ask("show version"))
    desk.reply(desk.ask("username bob password=hunter2"))
    done, refused = desk.log.entries
    assert (done.event, done.fields["line"], done.fields["uid"]) == (
        "command.done",
        "show version",
        os.geteuid(),
    )
    assert done.fields["pid"] == os.getpid()
    assert refused.event == "command.refused"
    assert "hunter2" not in str(refused.fields)


@pytest.mark.parametrize("line", ["configure terminal", "show version | redirect x", "sh ver"])
def test_a_line_that_is_not_allowed_never_reaches_the_network_os(desk: Desk, line: str) -> None:
    reply = desk.reply(desk.ask(line))
    assert reply.refused
    assert reply.exit_code is None
    assert desk.commands.ran == []


@pytest.mark.parametrize(
    "line",
    ["show version\nconfigure terminal", "show version\x00", "show version\x1b]0;x\x07", "show\r\nreload"],
)
def test_more_than_one_line_in_one_is_refused(desk: Desk, line: str) -> None:
    content = json.dumps({"version": 1, "line": line}).encode() + b"\n"
    assert desk.reply(desk.connect(content)).refused
    assert desk.commands.ran == []


@pytest.mark.parametrize(
    "content",
    [
        b"\n",
        b"show version\n",
        b"\x00\xff\n",
        b'{"version": 1, "line": "show version"}\n{"version": 1, "line": "show clock"}\n',
        b"x" * (LARGEST_REQUEST + 1),
        b"x" * 200_000,
        b"[" * 10_000 + b"\n",
    ],
)
def test_what_is_no_request_is_refused_and_closed(desk: Desk, content: bytes) -> None:
    client = desk.connect()
    sender = threading.Thread(target=_send, args=(client, content))
    sender.start()
    answer = desk.all_of(client)
    sender.join(PLENTY)
    assert parse_reply(answer).refused
    assert desk.commands.ran == []


def _send(client: socket.socket, content: bytes) -> None:
    try:
        client.sendall(content)
    except OSError:
        return


def test_a_request_may_come_in_parts(desk: Desk) -> None:
    content = render_request(CommandRequest(line="show version"))
    client = desk.connect(content[:7])
    desk.turn()
    client.sendall(content[7:])
    assert desk.reply(client).exit_code == 0


def test_a_client_that_goes_in_the_middle_of_a_line_is_forgotten(desk: Desk) -> None:
    client = desk.connect(b'{"version": 1, "line": "show ver')
    desk.turn()
    client.close()
    desk.turn()
    assert desk.reply(desk.ask("show version")).exit_code == 0
    assert desk.commands.ran == ["show version"]


def test_a_client_that_says_nothing_is_closed_after_a_while(tmp_path: Path) -> None:
    clock = FakeClock()
    desk = Desk(tmp_path / "command.sock", clock=clock)
    try:
        clients = [desk.connect(b'{"version"') for _ in range(MOST_CLIENTS)]
        desk.turn(MOST_CLIENTS + 1)
        clock.sleep(10.0)
        assert all(desk.all_of(client) == b"" for client in clients)
        assert desk.reply(desk.ask("show version")).exit_code == 0
    finally:
        desk.close()


def test_a_client_that_never_takes_its_answer_is_closed_after_a_while(tmp_path: Path) -> None:
    clock = FakeClock()
    desk = Desk(tmp_path / "command.sock", clock=clock)
    try:
        desk.commands.stdout = b"x" * 500_000
        clients = [desk.ask("show tech") for _ in range(serving.MOST_WAITING)]
        deadline = Deadline(PLENTY)
        while len(desk.log.entries) < len(clients) and not deadline.over:
            desk.turn()
        clock.sleep(10.0)
        desk.turn()
        assert all(0 < len(desk.all_of(client)) < 500_000 for client in clients)
        assert desk.reply(desk.ask("show version")).exit_code == 0
    finally:
        desk.close()


def test_commands_are_done_one_after_the_other_and_only_so_many_wait(desk: Desk) -> None:
    desk.commands.may_end.clear()
    clients = [desk.ask(f"show {number}") for number in range(serving.MOST_WAITING)]
    desk.turn(12)
    assert desk.commands.began.wait(PLENTY)
    late = desk.reply(desk.ask("show late"))
    assert (late.refused, late.problem) == (True, "too many commands wait; try again")
    assert len(desk.commands.ran) == 1
    desk.commands.may_end.set()
    assert all(desk.reply(client).exit_code == 0 for client in clients)
    assert desk.commands.ran == [f"show {number}" for number in range(serving.MOST_WAITING)]


def test_a_slow_network_os_does_not_keep_others_from_being_refused(desk: Desk) -> None:
    desk.commands.may_end.clear()
    waiting = desk.ask("show slow")
    desk.turn()
    assert desk.reply(desk.ask("reload")).refused
    desk.commands.may_end.set()
    assert desk.reply(waiting).exit_code == 0


def test_a_flood_of_connections_leaves_the_desk_serving(desk: Desk) -> None:
    for _ in range(1000):
        desk.connect(b"{").close()
        desk.turn(1)
    answers = [desk.all_of(desk.connect(b"nonsense\n")) for _ in range(50)]
    assert all(parse_reply(answer).refused for answer in answers)
    assert desk.reply(desk.ask("show version")).exit_code == 0


def test_whoever_comes_when_all_places_are_taken_is_told_so(desk: Desk) -> None:
    held = [desk.connect(b"{") for _ in range(MOST_CLIENTS)]
    desk.turn(MOST_CLIENTS + 2)
    assert desk.reply(desk.connect()).problem == "too many ask at once; try again"
    for client in held:
        client.close()
    desk.turn(MOST_CLIENTS)
    assert desk.reply(desk.ask("show version")).exit_code == 0


def test_a_flood_of_refusals_does_not_drive_commands_out_of_the_log(desk: Desk) -> None:
    for _ in range(3 * serving.MOST_REFUSALS):
        desk.reply(desk.ask("reload"))
    desk.reply(desk.ask("show version"))
    events = [each.event for each in desk.log.entries]
    assert events.count("command.refused") == serving.MOST_REFUSALS
    assert events[-1] == "command.done"


def test_the_shortest_time_limit_holds(desk: Desk) -> None:
    desk.reply(desk.ask("show a", timeout=3.0))
    desk.reply(desk.ask("show b", timeout=2000.0))
    assert desk.commands.timeouts == [3.0, 25.0]


def test_a_command_that_does_not_end_is_said_to_have_been_ended(desk: Desk) -> None:
    desk.commands.exit_code = None
    reply = desk.reply(desk.ask("show tech", timeout=4.0))
    assert (reply.exit_code, reply.refused) == (None, False)
    assert reply.problem == "the network OS did not end it in 4 s"


def test_a_network_os_without_commands_says_so(desk: Desk) -> None:
    assert desk.reply(desk.ask("show nothing")).problem == "this network OS takes no commands"


def test_another_user_is_refused(tmp_path: Path) -> None:
    rights = Rights(users=frozenset({os.geteuid() + 1}), policy=CommandPolicy(allow=("*",)))
    desk = Desk(tmp_path / "command.sock", rights=rights)
    try:
        assert desk.reply(desk.ask("show version")).problem == (
            f"user {os.geteuid()} may not ask for commands here"
        )
    finally:
        desk.close()


def test_a_member_of_the_group_may_ask(tmp_path: Path) -> None:
    rights = Rights(users=frozenset(), group=os.getegid())
    desk = Desk(tmp_path / "command.sock", rights=rights)
    try:
        assert desk.reply(desk.ask("show version")).exit_code == 0
    finally:
        desk.close()


def test_a_desk_that_closes_leaves_the_door_open(desk: Desk) -> None:
    assert desk.reply(desk.ask("show version")).exit_code == 0
    assert desk.desk.quiet
    desk.desk.close()
    client = desk.connect()
    assert desk.door.knocked(PLENTY)
    client.close()
