"""Handlers' commands as real processes: sessions, survivors, floods of output."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.processes import ended

from limpet.host.capture import Capture, Lingering
from limpet.host.clock import RealClock
from limpet.host.fake import FakeClock
from limpet.host.process import HandlerProcesses
from limpet.lab.clock import wait_for
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.host.ports import Completed

MIB = 1024 * 1024
PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


@pytest.fixture
def processes() -> HandlerProcesses:
    return HandlerProcesses(RealClock())


def run(processes: HandlerProcesses, folder: Path, command: str, timeout: float = 30) -> Completed:
    return processes.run_handler_command(command, folder=folder, environment=PATH, timeout=timeout)


def test_a_command_is_a_shell_fragment_in_a_session_of_its_own(
    processes: HandlerProcesses, tmp_path: Path
) -> None:
    done = run(processes, tmp_path, "pwd && cut -d' ' -f6 /proc/$$/stat && echo $$ && cat && env | sort")
    folder, session, shell, *environment = done.stdout.decode().splitlines()
    assert folder == str(tmp_path)
    assert session == shell != str(os.getsid(0))
    assert [line for line in environment if not line.startswith(("PWD=", "_=", "OLDPWD=", "SHLVL="))] == [
        f"PATH={PATH['PATH']}"
    ]


def test_no_file_of_the_capture_is_left_in_the_folder(processes: HandlerProcesses, tmp_path: Path) -> None:
    assert run(processes, tmp_path, "ls -A").stdout == b""


def test_what_opens_standard_error_anew_leaves_no_hole_in_it(
    processes: HandlerProcesses, tmp_path: Path
) -> None:
    done = run(processes, tmp_path, "echo one >&2; echo two >/dev/stderr; echo three >&2")
    assert b"\0" not in done.stderr
    assert done.stderr.endswith(b"three\n")


def test_a_daemon_that_keeps_the_output_open_does_not_hold_the_command_and_lives_on(
    processes: HandlerProcesses, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "go")
    os.mkfifo(tmp_path / "done")
    daemon = "(read word <go; echo late output; echo late error >&2; echo survived $word >done) &"
    done = run(processes, tmp_path, f"{daemon} echo started")
    assert (done.exit_code, done.stdout) == (0, b"started\n")
    (tmp_path / "go").write_text("well\n")
    assert (tmp_path / "done").read_text() == "survived well\n"


def test_at_the_time_limit_the_whole_group_is_killed(processes: HandlerProcesses, tmp_path: Path) -> None:
    for limit in (0.5, 5.0, 50.0):  # on a busy machine the first may be over before the shell has begun
        done = run(processes, tmp_path, "sleep 600 & echo $!; sleep 600", timeout=limit)
        assert done.exit_code is None
        if done.stdout:
            break
    wait_for(lambda: ended(int(done.stdout)), "the other process to end too", timeout=60)


def test_a_command_that_runs_can_be_stopped_from_another_thread(
    processes: HandlerProcesses, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "running")

    def stop() -> None:
        (tmp_path / "running").read_text()
        processes.stop_current()

    stopper = threading.Thread(target=stop)
    stopper.start()
    done = run(processes, tmp_path, "echo >running; sleep 60")
    stopper.join()
    assert done.exit_code == -9


def test_a_shell_that_a_signal_ends_has_its_number_as_exit_code(
    processes: HandlerProcesses, tmp_path: Path
) -> None:
    assert run(processes, tmp_path, "kill -9 $$").exit_code == -9


def test_an_environment_that_no_process_can_have_is_an_error_of_the_host(
    processes: HandlerProcesses, tmp_path: Path
) -> None:
    with pytest.raises(HostError, match="cannot start a command"):
        processes.run_handler_command("true", folder=tmp_path, environment={"A": "x" * 4 * MIB}, timeout=5)
    with pytest.raises(HostError, match="cannot start a command"):
        processes.run_handler_command("true\0", folder=tmp_path, environment={}, timeout=5)


def test_a_command_that_prints_a_gigabyte_succeeds_and_its_last_words_are_kept(
    processes: HandlerProcesses, tmp_path: Path
) -> None:
    done = run(processes, tmp_path, "head -c 1000000000 /dev/zero; echo last words", timeout=60)
    assert done.exit_code == 0
    assert done.stdout.endswith(b"\0last words\n")
    assert b"[... 999993611 bytes left out ...]" in done.stdout
    assert len(done.stdout) < 7000


def children() -> set[str]:
    """Of this thread, ended or not; other tests may have left some."""
    return set(Path("/proc/thread-self/children").read_text(encoding="ascii").split())


def test_no_descriptor_and_no_child_is_left(processes: HandlerProcesses, tmp_path: Path) -> None:
    before, others = len(list(Path("/proc/self/fd").iterdir())), children()
    for command in ("true", "exit 3", "kill -9 $$", "echo x; echo y >&2"):
        run(processes, tmp_path, command)
    with pytest.raises(HostError):
        run(processes, tmp_path / "no", "true")
    # Of others, some may have been closed meanwhile.
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    assert children() <= others


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Capture]:
    capture = Capture(tmp_path)
    yield capture
    capture.close()


def on_disk(stream: Capture) -> int:
    return os.fstat(stream.writer).st_blocks * 512


def fill(stream: Capture, size: int) -> None:
    os.write(stream.writer, b"begin" + b"." * (size - 8) + b"end")


def test_the_middle_of_much_output_is_given_back_to_the_disk(stream: Capture) -> None:
    for _ in range(8):
        fill(stream, 4 * MIB)
        assert stream.shrink()
        assert on_disk(stream) < MIB
    content = stream.content()
    assert content.startswith(b"begin....")
    assert content.endswith(b"....end")
    assert b"\0" not in content


def test_little_output_is_left_as_it_is(stream: Capture) -> None:
    fill(stream, 6400)
    assert not stream.shrink()
    assert stream.content() == b"begin" + b"." * 6392 + b"end"


def test_output_is_bounded_also_where_files_cannot_have_holes(stream: Capture) -> None:
    def without_holes(_: int) -> None:
        raise OSError(95, "Operation not supported")

    stream.punch = without_holes
    for _ in range(3):
        fill(stream, 4 * MIB)
        assert stream.shrink()
        assert on_disk(stream) < MIB
    os.write(stream.writer, b"and after")
    content = stream.content()
    assert content.startswith(b"begin...")
    assert content.endswith(b"left out ...]\nand after")


def test_output_that_the_command_itself_cuts_off_is_read_as_it_is_then(stream: Capture) -> None:
    fill(stream, 4 * MIB)
    stream.shrink()
    os.ftruncate(stream.writer, 0)
    os.write(stream.writer, b"anew")
    assert not stream.shrink()
    assert stream.content() == b"anew"


def test_a_stream_is_in_use_as_long_as_somebody_holds_it(stream: Capture) -> None:
    assert stream.in_use
    stream.close_writer()
    assert not stream.in_use


def test_a_stream_that_a_daemon_holds_is_kept_small_and_closed_after_it(tmp_path: Path) -> None:
    lingering = Lingering(FakeClock(), watching=False)
    stream = Capture(tmp_path)
    daemon = os.dup(stream.writer)
    stream.close_writer()
    lingering.adopt(stream)
    assert len(lingering) == 1
    assert not lingering.look()
    os.write(daemon, b"x" * 4 * MIB)
    assert lingering.look()
    assert os.fstat(daemon).st_blocks == 0
    os.write(daemon, b"it may still write")
    os.close(daemon)
    lingering.look()
    assert len(lingering) == 0


def test_a_stream_that_nobody_holds_is_closed_at_once(tmp_path: Path) -> None:
    lingering = Lingering(FakeClock(), watching=False)
    stream = Capture(tmp_path)
    stream.close_writer()
    lingering.adopt(stream)
    assert len(lingering) == 0


def test_the_oldest_of_very_many_held_streams_are_let_go(tmp_path: Path) -> None:
    lingering = Lingering(FakeClock(), watching=False)
    held = []
    for _ in range(130):
        stream = Capture(tmp_path)
        held.append(os.dup(stream.writer))
        stream.close_writer()
        lingering.adopt(stream)
    assert len(lingering) == 128
    for descriptor in held:
        os.close(descriptor)
    lingering.look()
    assert len(lingering) == 0
