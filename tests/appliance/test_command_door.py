"""The door at which the guest shell knocks: where it is, who may knock, and what is started then."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.interpreters import loaded

from limpet.host.command_door import Door, answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLENTY = 60.0


@contextmanager
def door(place: Path, group: int = -1) -> Iterator[Door]:
    made = Door(str(place), group)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def knock(place: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(PLENTY)
        client.connect(str(place))
        yield client


def test_the_socket_is_for_its_owner_alone(tmp_path: Path) -> None:
    with door(tmp_path / "command.sock"):
        assert (tmp_path / "command.sock").stat().st_mode & 0o777 == 0o600


def test_a_group_may_be_let_in(tmp_path: Path) -> None:
    with door(tmp_path / "command.sock", os.getegid()):
        found = (tmp_path / "command.sock").stat()
        assert (found.st_mode & 0o777, found.st_gid) == (0o660, os.getegid())


def test_a_link_in_the_place_of_the_socket_leads_nowhere(tmp_path: Path) -> None:
    victim = tmp_path / "shadow"
    victim.write_text("secret")
    victim.chmod(0o640)
    place = tmp_path / "command.sock"
    place.symlink_to(victim)
    with door(place, os.getegid()):
        assert victim.read_text() == "secret"
        assert victim.stat().st_mode & 0o777 == 0o640
        assert place.is_socket()
        assert not place.is_symlink()


@pytest.mark.parametrize("spoil", ["remove", "replace"])
def test_a_socket_that_was_taken_away_is_made_anew(tmp_path: Path, spoil: str) -> None:
    place = tmp_path / "command.sock"
    with door(place) as made:
        place.unlink()
        if spoil == "replace":
            place.write_text("mine")
        assert not made.knocked(0.0)
        with knock(place):
            assert made.knocked(PLENTY)


def test_a_folder_in_its_place_is_said_to_be_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "command.sock").mkdir()
    with pytest.raises(OSError, match=r"command\.sock"):
        Door(str(tmp_path / "command.sock"))


def test_what_answers_has_the_listening_socket(tmp_path: Path) -> None:
    place = tmp_path / "command.sock"
    code = (
        "import socket, sys; listener = socket.socket(fileno=int(sys.argv[1])); listener.setblocking(True); "
        "channel, _ = listener.accept(); channel.sendall(b'hello'); sys.exit(7)"
    )
    with door(place) as made, knock(place) as client:
        assert made.knocked(PLENTY)
        assert answer([sys.executable, "-ISc", code, str(made.descriptor)], made.descriptor) == 7
        assert client.recv(100) == b"hello"


def test_the_door_has_next_to_nothing_loaded() -> None:
    modules = loaded("import limpet.appliance.requests.door")
    assert "limpet.host.command_door" in modules
    assert not modules & {"socket", "typing", "pathlib", "subprocess", "json", "re", "enum", "dataclasses"}
