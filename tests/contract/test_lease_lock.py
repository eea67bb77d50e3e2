"""What the ports of a holder of the fabric lease promise, of the kernel's and of the fakes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from limpet.host.fake import FakeClock
from limpet.host.fake_lease import FakeFolderNews, FakeLeaseLock, SharedLock
from limpet.host.lease_lock import FlockLease, SignalledFolder
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from limpet.host.lease_ports import FolderNews, LeaseLock

KINDS = pytest.mark.parametrize("kind", ["real", "fake"])


def hands(kind: str, folder: Path) -> tuple[LeaseLock, LeaseLock, Callable[[Callable[[], object]], None]]:
    """Two processes' hands on one lock, and what lets something happen while the other one waits."""
    if kind == "fake":
        clock, shared = FakeClock(), SharedLock()
        return (
            FakeLeaseLock(shared, clock),
            FakeLeaseLock(shared, clock),
            lambda act: clock.after(5.0, act),
        )
    path = folder / "fabric.lock"
    return FlockLease(path), FlockLease(path), lambda act: threading.Timer(0.05, act).start()


@KINDS
def test_one_at_a_time_has_the_lock(kind: str, tmp_path: Path) -> None:
    mine, theirs, _ = hands(kind, tmp_path)
    assert mine.take(wait=False)
    assert mine.take(wait=False)
    assert not theirs.take(wait=False)
    mine.give()
    assert theirs.take(wait=False)
    theirs.give()
    theirs.give()


@KINDS
def test_who_waits_has_it_when_it_is_given(kind: str, tmp_path: Path) -> None:
    mine, theirs, later = hands(kind, tmp_path)
    assert mine.take(wait=True)
    later(mine.give)
    assert theirs.take(wait=True)
    assert not mine.take(wait=False)
    theirs.give()


def test_a_lock_that_can_only_be_read_is_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "fabric.lock"
    path.touch(mode=0o400)
    lock = FlockLease(path)
    assert lock.take(wait=False)
    assert path.read_bytes() == b""
    lock.give()


def test_a_lock_that_is_a_link_or_has_no_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "fabric.lock").symlink_to("/etc/passwd")
    for path in (tmp_path / "fabric.lock", tmp_path / "nowhere" / "fabric.lock"):
        with pytest.raises(HostError, match="lock of the fabric lease"):
            FlockLease(path).take(wait=False)


@pytest.fixture(params=["real", "fake"])
def folder(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[FolderNews, Callable[[], object]]]:
    """News of a folder, and what changes something in it."""
    if request.param == "fake":
        fake = FakeFolderNews(FakeClock())
        yield fake, fake.change
        return
    before = signal.getsignal(signal.SIGIO)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    news = SignalledFolder(tmp_path)

    def change() -> None:
        (tmp_path / "new").write_bytes(b"")
        (tmp_path / "new").rename(tmp_path / "grant.json")

    yield news, change
    os.close(news._descriptor)
    signal.sigtimedwait({signal.SIGIO}, 0)
    signal.signal(signal.SIGIO, before)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def test_a_change_ends_the_wait_also_one_that_came_before(
    folder: tuple[FolderNews, Callable[[], object]],
) -> None:
    news, change = folder
    change()
    news.wait(3600.0)


def test_a_thread_that_does_not_block_the_news_does_not_take_them(tmp_path: Path) -> None:
    over = threading.Event()
    other = threading.Thread(target=over.wait, args=(60,))
    other.start()
    before, mask = signal.getsignal(signal.SIGIO), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    news = SignalledFolder(tmp_path)
    try:
        (tmp_path / "grant.json").write_bytes(b"")
        for _ in range(100):  # where the kernel could give it to the other one, that one has a turn
            os.sched_yield()
        assert signal.SIGIO in signal.sigpending()
        news.wait(3600.0)
    finally:
        os.close(news._descriptor)
        signal.sigtimedwait({signal.SIGIO}, 0)
        signal.signal(signal.SIGIO, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        over.set()
        other.join(60)


def test_a_change_is_told_to_who_wants_to_be_called(folder: tuple[FolderNews, Callable[[], object]]) -> None:
    news, change = folder
    heard: list[str] = []
    news.call(lambda: heard.append("changed"))
    change()
    assert heard


ENDING = """\
import os, sys
from pathlib import Path
from limpet.host.lease_lock import SignalledFolder

class Late:
    open, path, flags = os.open, sys.argv[1] + "/news", os.O_CREAT | os.O_WRONLY

    def __del__(self):
        self.open(self.path, self.flags)

late = Late()
SignalledFolder(Path(sys.argv[1])).call(lambda: None)
sys.exit(4)
"""


def test_news_while_a_process_ends_do_not_change_how_it_ends(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", ENDING, str(tmp_path)], capture_output=True, check=False)
    assert (tmp_path / "news").exists()
    assert done.returncode == 4, done.stderr


def test_without_a_folder_the_wait_is_short(tmp_path: Path) -> None:
    before, mask = signal.getsignal(signal.SIGIO), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    SignalledFolder(tmp_path / "nowhere").wait(3600.0)
    signal.signal(signal.SIGIO, before)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
