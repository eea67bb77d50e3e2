"""Clock, deadlines, chance, the lock and what is known of the machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from limpet.host.chance import RealRandom
from limpet.host.clock import Deadline, RealClock
from limpet.host.fake import FakeClock, FakeFiles, FakeRandom
from limpet.host.lock import SingleInstance, is_held
from limpet.host.machine import guest_info, hardware, parse_os_release
from limpet.model.errors import AlreadyRunning, HostError

if TYPE_CHECKING:
    from pathlib import Path

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")


@pytest.mark.parametrize("clock", [RealClock(), FakeClock()], ids=["real", "fake"])
def test_sleeping_lets_at_least_that_much_time_pass(clock: RealClock | FakeClock) -> None:
    began, date = clock.monotonic(), clock.now()
    clock.sleep(0.01)
    assert clock.monotonic() - began >= 0.0099
    assert clock.now() > date


def test_what_is_due_happens_at_its_moment_while_a_fake_clock_sleeps() -> None:
    clock = FakeClock()
    began = clock.monotonic()
    seen: list[tuple[str, float]] = []
    clock.after(5, lambda: seen.append(("second", clock.monotonic() - began)))
    clock.after(2, lambda: seen.append(("first", clock.monotonic() - began)))
    clock.after(100, lambda: seen.append(("never", 0)))
    clock.sleep(10)
    assert seen == [("first", 2), ("second", 5)]
    assert clock.monotonic() - began == 10


def test_a_stepped_date_does_not_move_durations() -> None:
    clock = FakeClock()
    began, date = clock.monotonic(), clock.now()
    clock.step(-86400)
    assert clock.monotonic() == began
    assert clock.now() == date - 86400


def test_a_deadline_is_over_when_nothing_is_left() -> None:
    assert Deadline(0).over
    assert Deadline(-1).left() == 0
    assert 0 < Deadline(60).left() <= 60


@pytest.mark.parametrize("chance", [RealRandom(), FakeRandom()], ids=["real", "fake"])
def test_chance_is_spread_and_identities_differ(chance: RealRandom | FakeRandom) -> None:
    fractions = [chance.fraction() for _ in range(200)]
    guids = {chance.guid() for _ in range(200)}
    assert all(0 <= fraction < 1 for fraction in fractions)
    assert min(fractions) < 0.3
    assert max(fractions) > 0.7
    assert len(guids) == 200
    assert all(map(GUID.match, guids))


def test_a_fake_chance_is_the_same_in_every_run_and_another_with_another_seed() -> None:
    assert [FakeRandom(1).guid(), FakeRandom(1).fraction()] == [
        FakeRandom(1).guid(),
        FakeRandom(1).fraction(),
    ]
    assert FakeRandom(1).guid() != FakeRandom(2).guid()


def test_who_looks_whether_somebody_is_in_keeps_nobody_out(tmp_path: Path) -> None:
    path, done = tmp_path / "lock", threading.Event()

    def look() -> None:
        while not done.is_set():
            is_held(path)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(300):
            with SingleInstance(path):
                pass
    finally:
        done.set()
        looking.join()


def test_only_one_is_in_and_the_other_is_told_who(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        SingleInstance(path, who="limpet agent"),
        pytest.raises(AlreadyRunning, match=rf"limpet agent, process {os.getpid()}\. Only one"),
        SingleInstance(path),
    ):
        pass
    with SingleInstance(path):
        pass


def test_nobody_else_can_open_the_lock_and_so_keep_us_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch(mode=0o644)  # as an earlier version made it
    with SingleInstance(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import sys; from pathlib import Path; from limpet.host.lock import SingleInstance\n"
        "with SingleInstance(Path(sys.argv[1])): print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(AlreadyRunning, match=f"process {holder.pid}"), SingleInstance(path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with SingleInstance(path):
        pass


def test_a_lock_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="No such file"), SingleInstance(tmp_path / "no" / "lock"):
        pass
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HostError, match="symbolic link"), SingleInstance(tmp_path / "link"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_the_distribution_is_read_as_a_shell_would_read_it() -> None:
    text = """# comment
ID=debian
VERSION_ID="12"
PRETTY_NAME='Debian GNU/Linux 12'
NAME="A \\"quoted\\" \\$name"
EMPTY=
export X=1
rm -rf /
"""
    assert parse_os_release(text) == {
        "ID": "debian",
        "VERSION_ID": "12",
        "PRETTY_NAME": "Debian GNU/Linux 12",
        "NAME": 'A "quoted" $name',
        "EMPTY": "",
    }


def test_a_machine_without_a_known_distribution_is_still_described() -> None:
    guest = guest_info("1.2", FakeFiles(FakeClock()))
    assert (guest.os_name, guest.os_version, guest.agent_version) == ("linux", "", "1.2")
    assert guest.computer_name
    assert guest_info("1").os_name


def test_the_hardware_has_memory_and_processors() -> None:
    found = hardware()
    assert found.memory > 16
    assert found.processors >= 1
    assert found.kernel
