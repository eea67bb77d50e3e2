"""Events with fields: in a file, on a terminal, in the journal."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.host.fake import FakeClock, FakeFiles
from limpet.host.log import FileLog, JournalLog, event_line, open_log
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = Path("/log")


def lines(files: FakeFiles) -> list[str]:
    return files.read(PATH, at_most=1 << 20).decode().splitlines()


@pytest.fixture
def files() -> FakeFiles:
    return FakeFiles(FakeClock())


@pytest.fixture
def log(files: FakeFiles) -> FileLog:
    return FileLog(PATH, files=files, clock=FakeClock())


def test_an_event_is_one_line_with_its_fields(files: FakeFiles, log: FileLog) -> None:
    log.info("goal_state.changed", incarnation="2", handlers=3, seconds=0.25, held=False, was=None)
    log.error("handler.failed", problem="exit code 51: no space")
    assert lines(files) == [
        "2026-01-01T00:00:00.000000Z INFO goal_state.changed incarnation=2 handlers=3 seconds=0.250 held=false",
        '2026-01-01T00:00:00.000000Z ERROR handler.failed problem="exit code 51: no space"',
    ]


def test_what_a_handler_says_cannot_forge_a_line_or_speak_to_the_terminal(
    files: FakeFiles, log: FileLog
) -> None:
    log.warning("handler.said", text="a\n2026 ERROR forged\x1b[31m\u202e\x00")
    (line,) = lines(files)
    assert line.isprintable()
    assert json.loads(line.partition("text=")[2]) == "a\n2026 ERROR forged\x1b[31m\u202e\x00"


def test_secrets_and_tokens_do_not_appear(files: FakeFiles, log: FileLog) -> None:
    log.info(
        "x", url="https://a.blob/c?sv=1&sig=TOKEN", key=Secret("PASSWORD"), error=ValueError("sig=TOKEN")
    )
    assert "TOKEN" not in lines(files)[0]
    assert "PASSWORD" not in lines(files)[0]


def test_a_huge_field_is_cut_and_its_size_said(files: FakeFiles, log: FileLog) -> None:
    log.info("x", text="y" * 1_000_000)
    assert len(lines(files)[0]) < 10_000
    assert "1000000 characters" in lines(files)[0]


def test_a_terminal_sees_the_same_lines(files: FakeFiles) -> None:
    terminal = io.StringIO()
    FileLog(PATH, files=files, clock=FakeClock(), terminal=terminal).info("x", a=1)
    assert terminal.getvalue().splitlines() == lines(files)


def test_a_log_that_cannot_be_written_stops_nothing_and_is_told_on_standard_error(
    files: FakeFiles, log: FileLog, capsys: pytest.CaptureFixture[str]
) -> None:
    files.full = True
    log.info("event.lost", a=1)
    said = capsys.readouterr().err
    assert "event.lost a=1" in said
    assert "No space left" in said


@given(st.text(), st.text())
def test_a_line_is_always_one_printable_line(one: str, two: str) -> None:
    line = event_line("event", {"one": one, "two": two})
    assert line.isprintable()
    assert line.startswith("event one=")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "journal"))
        listener.settimeout(60)
        yield listener


def test_the_journal_gets_each_field_of_an_event(journal: socket.socket) -> None:
    log = JournalLog(journal.getsockname())
    log.warning("handler.failed", handler="A.B", problem="two\nlines")
    log.close()
    assert journal.recv(65536) == (
        b'MESSAGE=handler.failed handler=A.B problem="two\\nlines"\nPRIORITY=4\nSYSLOG_IDENTIFIER=limpet\n'
        b"LIMPET_EVENT=handler.failed\nLIMPET_HANDLER=A.B\n"
        b"LIMPET_PROBLEM\n\x09\0\0\0\0\0\0\0two\nlines\n"
    )


def test_an_event_is_told_on_standard_error_while_the_journal_is_away(
    journal: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    log = JournalLog(journal.getsockname())
    journal.close()
    log.error("x.y", a=1)
    log.close()
    assert capsys.readouterr().err == "<3>x.y a=1\n"


def test_without_a_journal_the_log_is_the_file(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from limpet.host.log import open_log\n"
        "open_log(Path(sys.argv[1])).info('started', a=1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "log")],
        env={"JOURNAL_STREAM": "1:2"},
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert done.stderr == b""
    assert (tmp_path / "log").read_text().endswith(" INFO started a=1\n")
    assert isinstance(open_log(tmp_path / "log"), FileLog)
