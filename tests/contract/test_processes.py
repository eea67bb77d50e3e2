"""The Processes port: the same behaviour from functions and from a shell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from limpet.host.clock import RealClock
from limpet.host.fake import FakeClock, FakeFiles, FakeProcesses
from limpet.host.files import RealFiles
from limpet.host.ports import Completed
from limpet.host.process import HandlerProcesses
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.host.fake_work import Invocation
    from limpet.host.ports import Files, Processes

LIMITS, PLENTY = (0.5, 5.0, 50.0), 120.0
"""Seconds for what does not end, which must have begun in the first or, on a busy machine, in one of the others; and for all else."""


@dataclass
class Bench:
    """Processes, and a handler's folder with the commands that these tests run."""

    processes: Processes
    files: Files
    folder: Path

    def run(self, command: str, timeout: float = PLENTY, **environment: str) -> Completed:
        return self.processes.run_handler_command(
            f"{self.folder}/{command}", folder=self.folder, environment=environment, timeout=timeout
        )


SHELL = {
    "ok.sh": "exit 0",
    "fails.sh": "echo out; echo err >&2; exit 51",
    "writes.sh": 'printf %s "$NAME" > written',
    "hangs.sh": "echo begun; exec sleep 600",
    "prints.sh": "printf '%05000d' 0; printf '%05000d' 1",
}


def behaving(files: Files, clock: FakeClock) -> FakeProcesses:
    processes = FakeProcesses(files, clock)

    def writes(run: Invocation) -> None:
        files.replace(run.folder / "written", run.environment["NAME"].encode())

    def hangs(run: Invocation) -> Completed:
        clock.sleep(run.timeout + 60)
        return Completed(exit_code=0, stdout=b"begun\n", stderr=b"", seconds=0)

    processes.scripts |= {
        "ok.sh": lambda _: None,
        "fails.sh": lambda _: Completed(exit_code=51, stdout=b"out\n", stderr=b"err\n", seconds=0),
        "writes.sh": writes,
        "hangs.sh": hangs,
        "prints.sh": lambda _: Completed(
            exit_code=0, stdout=b"0" * 5000 + b"0" * 4999 + b"1", stderr=b"", seconds=0
        ),
    }
    return processes


@pytest.fixture(params=["fake", "real"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    if request.param == "fake":
        clock = FakeClock()
        files = FakeFiles(clock)
        files.make_folder(Path("/h"))
        return Bench(behaving(files, clock), files, Path("/h"))
    for name, text in SHELL.items():
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o744)
    return Bench(HandlerProcesses(RealClock()), RealFiles(), tmp_path)


@pytest.mark.parametrize(("command", "exit_code"), [("ok.sh", 0), ("fails.sh", 51), ("no.sh", 127)])
def test_a_commands_exit_code_is_told(bench: Bench, command: str, exit_code: int) -> None:
    assert bench.run(command).exit_code == exit_code


def test_both_streams_are_kept_apart(bench: Bench) -> None:
    done = bench.run("fails.sh")
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")


def test_a_missing_command_is_said_as_a_shell_says_it(bench: Bench) -> None:
    assert bench.run("no.sh").stderr == f"/bin/sh: 1: {bench.folder}/no.sh: not found\n".encode()


def test_a_command_works_in_its_folder_with_its_environment(bench: Bench) -> None:
    assert bench.run("writes.sh", NAME="value").exit_code == 0
    assert bench.files.read(bench.folder / "written", at_most=100) == b"value"


def test_a_command_that_does_not_end_is_killed_at_its_time_limit_and_its_output_kept(bench: Bench) -> None:
    for limit in LIMITS:
        done = bench.run("hangs.sh", timeout=limit)
        assert done.seconds >= limit
        if done.stdout:
            break
    assert (done.exit_code, done.stdout) == (None, b"begun\n")


def test_of_long_output_beginning_and_end_are_kept_and_the_rest_is_counted(bench: Bench) -> None:
    output = bench.run("prints.sh").stdout
    assert output == b"0" * 3200 + b"\n[... 3600 bytes left out ...]\n" + b"0" * 3199 + b"1"


def test_a_command_cannot_start_where_there_is_no_folder(bench: Bench) -> None:
    with pytest.raises(HostError, match="cannot start a command"):
        bench.processes.run_handler_command(
            "true", folder=bench.folder / "no", environment={}, timeout=PLENTY
        )


def test_stopping_where_nothing_runs_does_nothing(bench: Bench) -> None:
    bench.processes.stop_current()
    assert bench.run("ok.sh").exit_code == 0
