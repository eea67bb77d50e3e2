"""A command whose agent has died: the next one waits for its end before it runs another."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from limpet.host import predecessor
from limpet.host.clock import RealClock
from limpet.host.process import HandlerProcesses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLOCK = RealClock()
UNTIL_TOLD = "read word"
"""A shell's line that ends when whoever waits has told of it: not before, however busy the machine is."""
PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


class Left:
    """Commands that were left running."""

    def __init__(self, record: Path) -> None:
        self.record = record
        self.processes: list[subprocess.Popen[bytes]] = []
        self.told: list[tuple[str, float]] = []

    def start(self, command: str, *, seconds: float = 60.0, folder: str = "") -> subprocess.Popen[bytes]:
        """seconds: its time limit."""
        self.processes.append(
            subprocess.Popen(
                ["/bin/sh", "-c", command],
                start_new_session=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        predecessor.note(self.record, self.processes[-1].pid, CLOCK.monotonic() + seconds, folder)
        return self.processes[-1]

    def settled(self) -> float | None:
        return HandlerProcesses(CLOCK, record=self.record).await_earlier(self.tell)

    def tell(self, folder: str, seconds: float) -> None:
        self.told.append((folder, seconds))
        self.release()

    def release(self) -> None:
        """What waits for a word goes on."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.close()


@pytest.fixture
def left(tmp_path: Path) -> Iterator[Left]:
    made = Left(tmp_path / ".command")
    yield made
    made.release()
    for process in made.processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_its_end_is_waited_for(left: Left) -> None:
    process = left.start(f"{UNTIL_TOLD}; exit 7")
    assert left.settled() is not None
    assert process.wait() == 7


def test_when_its_time_is_over_it_is_killed_with_its_group(left: Left) -> None:
    process = left.start("sleep 600 & sleep 600", seconds=0.2)
    assert left.settled() is not None
    assert process.wait() == -9
    assert process.stdout is not None
    assert process.stdout.read() == b""  # nobody of the group holds the pipe any more


def test_one_that_has_ended_is_not_waited_for(left: Left) -> None:
    left.start("exit 0").wait()
    assert left.settled() is None
    assert left.told == []


@pytest.mark.parametrize(("limit", "most"), [(300.0, 300.0), (5000.0, 900.0)])
def test_whose_command_it_is_and_how_much_of_its_time_is_left_is_told_before_the_waiting(
    left: Left, limit: float, most: float
) -> None:
    process = left.start(f"{UNTIL_TOLD}; exit 0", seconds=limit, folder="Contoso.Sample-1.0.0")
    assert left.settled() is not None
    ((folder, seconds),) = left.told
    assert folder == "Contoso.Sample-1.0.0"
    assert most - 60 < seconds <= most + 0.01  # its end is noted in thousandths
    assert process.wait() == 0


def test_a_record_of_an_agent_that_named_no_folder_is_one(left: Left) -> None:
    left.start(UNTIL_TOLD)
    left.record.write_text(left.record.read_text().splitlines()[0] + "\n")
    assert left.settled() is not None
    assert [folder for folder, _ in left.told] == [""]


def test_a_process_that_has_its_number_by_now_is_left_alone(left: Left) -> None:
    process = left.start("sleep 600", seconds=0.0)
    pid, started, ends = left.record.read_text().split()
    left.record.write_text(f"{pid} {int(started) - 1} {ends}\n")
    assert left.settled() is None
    assert process.poll() is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "x",
        "1 2",
        "1 2 3 4",
        "-1 2 3",
        "0 2 3",
        "1 0 nan",
        "1 0 inf",
        "9" * 300,
        "99999999999 1 1",
        "é 1 1",
    ],
)
def test_a_record_that_cannot_be_used_is_as_good_as_none(left: Left, content: str) -> None:
    left.record.write_text(content)
    assert left.settled() is None


def test_what_is_no_file_is_as_good_as_none(left: Left) -> None:
    assert left.settled() is None
    left.record.mkdir()
    assert left.settled() is None
    left.start("exit 0")  # and cannot be noted


def test_the_record_is_there_while_a_command_runs_and_no_longer(tmp_path: Path) -> None:
    record = tmp_path / ".command"
    processes = HandlerProcesses(CLOCK, record=record)
    look = (
        f"while ! test -s {record}; do :; done; read pid rest < {record}; test $pid = $$ || exit 1; "
        f"stat -c %a {record}; tail -n 1 {record}"
    )
    done = processes.run_handler_command(look, folder=tmp_path, environment=PATH, timeout=120)
    assert (done.exit_code, done.stdout) == (0, f"600\n{tmp_path.name}\n".encode())
    assert not record.exists()
    assert processes.await_earlier(lambda *_: pytest.fail("nothing is waited for")) is None
