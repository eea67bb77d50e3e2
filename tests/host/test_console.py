"""The log on the console: until ready, never in the way."""

from __future__ import annotations

import os
import pty
from typing import TYPE_CHECKING

import pytest

from limpet.host.console import LONGEST_LINE, ConsoleLog, EchoedLog
from limpet.host.fake import FakeLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    master, slave = pty.openpty()
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def shown(master: int, lines: int = 1) -> list[str]:
    """What arrives: the kernel may give it in several parts."""
    content = b""
    while content.count(b"\n") < lines:
        content += os.read(master, 65536)
    return content.decode().splitlines()


def test_events_are_shown_until_the_vm_is_ready_and_logged_always(terminal: tuple[int, str]) -> None:
    master, name = terminal
    log = FakeLog()
    echoed = EchoedLog(log, ConsoleLog(name))
    echoed.info("boot.began", vm="1 2")
    echoed.warning("media.missing")
    echoed.error("report.failed")
    echoed.ready()
    echoed.info("after")
    assert shown(master, 3) == [
        'limpet: INFO boot.began vm="1 2"',
        "limpet: WARNING media.missing",
        "limpet: ERROR report.failed",
    ]
    assert [entry.event for entry in log.entries] == ["boot.began", "media.missing", "report.failed", "after"]


def test_a_console_sees_no_tokens_no_controls_and_no_long_lines(terminal: tuple[int, str]) -> None:
    master, name = terminal
    console = ConsoleLog(name)
    console.info("x", url="https://a/b?sig=secret", text="\x1b[31m\n" + "y" * 9999)
    (line,) = shown(master)
    assert "secret" not in line
    assert "\x1b" not in line
    assert len(line) <= LONGEST_LINE + 30
    console.close()


def test_a_console_that_takes_nothing_is_not_waited_for(tmp_path: Path) -> None:
    stuck = tmp_path / "stuck"
    os.mkfifo(stuck)
    reader = os.open(stuck, os.O_RDONLY | os.O_NONBLOCK)
    console = ConsoleLog(str(stuck), most=1 << 30)
    for _ in range(2000):
        console.info("x", text="y" * 300)
    os.close(reader)
    console.info("nobody reads any more")
    console.close()


@pytest.mark.parametrize("name", ["missing", "folder/x"])
def test_no_console_is_no_problem(tmp_path: Path, name: str) -> None:
    ConsoleLog(str(tmp_path / name)).error("x")


def test_after_so_many_bytes_the_console_is_left_alone(terminal: tuple[int, str]) -> None:
    master, name = terminal
    console = ConsoleLog(name, most=100)
    for number in range(50):
        console.info("x", number=number)
    assert 1 <= len(shown(master)) <= 6
