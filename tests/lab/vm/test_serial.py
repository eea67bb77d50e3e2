"""The lab's shell in a VM: its two ends, joined by a socket instead of a serial port."""

from __future__ import annotations

import socket
import subprocess
import threading
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from limpet.lab.commands import LabError
from limpet.lab.vm.guest import SHELL, SHELL_PORT
from limpet.lab.vm.serial import LARGEST_COMMAND, Shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def far_end(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], socket.socket]]]:
    """Where to connect, and what gives the other end."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(60)
        ends: list[socket.socket] = []

        def accept() -> socket.socket:
            ends.append(listener.accept()[0])
            return ends[-1]

        yield path, accept
        for end in ends:
            end.close()


@pytest.fixture
def shell(tmp_path: Path, far_end: tuple[Path, Callable[[], socket.socket]]) -> Iterator[Shell]:
    """A shell whose guest is a process here."""
    path, accept = far_end
    made = Shell(path)
    link = accept()
    # The guest's own script, with a pair of descriptors in place of the serial port.
    script = (
        SHELL.replace(f"exec 3<>{SHELL_PORT}", "")
        .replace("stty raw -echo <&3", "")
        .replace("/run/", f"{tmp_path}/")
    )
    fd = link.fileno()
    guest = subprocess.Popen(
        ["bash", "-c", f"exec 3<&{fd} 3>&{fd}; {script}"],
        pass_fds=[fd],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield made
    made.close()
    guest.kill()
    guest.wait()


def test_a_command_answers_with_its_code_and_both_outputs(shell: Shell) -> None:
    answer = shell.run("echo out; echo err >&2; exit 3")
    assert (answer.exit_code, answer.stdout, answer.stderr) == (3, "out\n", "err\n")


def test_any_text_goes_there_and_back(shell: Shell) -> None:
    text = "quotes ' \" $x `y` \\ and ünïcode\n\tlines"
    assert shell.run(f"cat <<'END'\n{text}\nEND").stdout == f"{text}\n"


def test_a_command_that_reads_does_not_eat_the_next_one(shell: Shell) -> None:
    assert shell.run("cat").stdout == ""
    assert shell.run("echo next").stdout == "next\n"


def test_a_large_answer_comes_whole(shell: Shell) -> None:
    assert len(shell.run("head -c 300000 /dev/zero | tr '\\0' x").stdout) == 300_000


def test_a_command_that_does_not_end_is_killed_at_its_limit(shell: Shell) -> None:
    with pytest.raises(LabError, match="did not end within"):
        shell.run("exec cat /dev/zero > /dev/null", timeout=0.2)
    assert shell.run("echo alive").stdout == "alive\n"


def test_the_first_words_tell_which_boot_it_is(shell: Shell) -> None:
    kernel = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    assert shell.await_boot(timeout=60) == kernel


def test_a_second_boot_is_told_from_the_first(
    far_end: tuple[Path, Callable[[], socket.socket]],
) -> None:
    path, accept = far_end
    shell = Shell(path)
    link = accept()
    link.sendall(b"@boot first\n")
    assert shell.await_boot(timeout=60) == "first"
    link.sendall(b"noise of a kernel\n@boot second\n")
    assert shell.await_boot(timeout=60) == "second"
    shell.close()


def test_an_answer_to_an_older_command_is_not_taken_for_this_ones(
    far_end: tuple[Path, Callable[[], socket.socket]],
) -> None:
    path, accept = far_end
    shell = Shell(path)
    link = accept()

    def guest() -> None:
        link.recv(1000)
        word = b64encode(b"right").decode()
        link.sendall(f"@0 0 . .\n@1 0 {word}. .\n".encode())

    thread = threading.Thread(target=guest)
    thread.start()
    assert shell.run("anything").stdout == "right"
    thread.join()
    shell.close()


def test_a_vm_that_is_switched_off_meanwhile_is_an_error_that_says_so(
    far_end: tuple[Path, Callable[[], socket.socket]],
) -> None:
    path, accept = far_end
    shell = Shell(path)
    accept().close()
    with pytest.raises(LabError, match="off"):
        shell.run("echo")
    shell.close()


def test_a_command_that_is_too_long_is_refused_before_it_is_sent(
    far_end: tuple[Path, Callable[[], socket.socket]],
) -> None:
    shell = Shell(far_end[0])
    with pytest.raises(LabError, match="too long"):
        shell.run("x" * (LARGEST_COMMAND + 1))
    shell.close()
