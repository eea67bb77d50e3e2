"""What a handler's command prints: its beginning and its end, whatever the amount, in a file that cannot fill the disk.

Decision: docs/decisions/0010-command-output.md.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import signal
import threading
from typing import TYPE_CHECKING

from limpet.host.output import HEAD, TAIL, abridged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from limpet.host.ports import Clock

_SLACK = 1024 * 1024
"""So much lies on the disk before the middle is given back, bytes."""
_CALM = 0.5
_BUSY = 0.02
_MOST_LINGERING = 128


class Capture:
    """One output stream: an unlinked file. `writer` is for the command; `shrink` is called while it runs.

    The writer appends, so that a fragment such as `echo x >/dev/stderr`, which opens and cuts the file anew, leaves no
    hole for those that hold it already.
    """

    def __init__(self, folder: Path) -> None:
        """Raises: OSError."""
        path = folder / f".output-{os.urandom(8).hex()}"
        self.writer = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        finally:
            path.unlink()
        self._given_back = _page_after(HEAD)
        self._cut = 0
        self.punch: Callable[[int], None] = self._make_hole

    def shrink(self) -> bool:
        """Give the disk back what lies between beginning and end. Says whether that was much."""
        size = os.fstat(self._file).st_size
        end = (size - TAIL) // mmap.PAGESIZE * mmap.PAGESIZE
        if end - self._given_back < _SLACK:
            return False
        try:
            self.punch(end)
            self._given_back = end
        except ValueError:
            return False  # the command itself has cut the file meanwhile
        except OSError:
            # A file system without holes. What is written between the two calls is lost, from the middle.
            os.ftruncate(self._file, HEAD)
            self._cut += size - HEAD
        return True

    def _make_hole(self, end: int) -> None:
        with mmap.mmap(self._file, end - self._given_back, offset=self._given_back) as middle:
            middle.madvise(mmap.MADV_REMOVE)  # the pages are never touched, so this takes no memory

    def content(self) -> bytes:
        """The beginning and the end so far, with a line between them that says how much was left out."""
        size = os.fstat(self._file).st_size
        left_out = self._cut + max(0, size - HEAD - TAIL)
        if not left_out:
            return os.pread(self._file, HEAD + TAIL, 0)
        head = os.pread(self._file, HEAD, 0)
        tail = os.pread(self._file, TAIL, max(HEAD, size - TAIL))
        return abridged(head, tail, left_out)

    def discard(self) -> bool:
        """Empty the file once it has grown. Says whether it had."""
        if os.fstat(self._file).st_blocks * 512 < _SLACK:
            return False
        os.ftruncate(self._file, 0)
        return True

    @property
    def in_use(self) -> bool:
        """Whether a process still holds the stream open: only then the kernel refuses a lease."""
        # Whoever opened the file within these lines would send us a signal: one that is ignored.
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._file, fcntl.F_SETSIG, signal.SIGURG)
        try:
            fcntl.fcntl(self._file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fcntl.fcntl(self._file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except BlockingIOError:
            return True
        except OSError:
            return False  # no leases here, so it cannot be told
        return False

    def close_writer(self) -> None:
        """The command has its own copy now."""
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def close(self) -> None:
        """Let go of the file. Who still writes to it goes on undisturbed."""
        self.close_writer()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Lingering:
    """Streams that something left running still writes to. They are kept small until nobody holds them.

    A daemon that inherited a handler's output may print for years; the thread that watches lives as long as one does.
    """

    def __init__(self, clock: Clock, *, watching: bool = True) -> None:
        """watching: whether a thread does it; without one it is done by whoever calls `look`."""
        self._clock = clock
        self._unwatched = not watching
        self._lock = threading.Lock()
        self._streams: list[Capture] = []
        self._watching = False

    def adopt(self, stream: Capture) -> None:
        """Take a stream over: close it now or as soon as nobody holds it."""
        if not stream.in_use:
            stream.close()
            return
        with self._lock:
            self._streams.append(stream)
            if len(self._streams) > _MOST_LINGERING:
                self._streams.pop(0).close()
            if not (self._watching or self._unwatched):
                self._watching = True
                threading.Thread(target=self._watch, name="lingering-output", daemon=True).start()

    def look(self) -> bool:
        """Close what nobody holds and empty what has grown. Says whether something had."""
        with self._lock:
            ended = [stream for stream in self._streams if not stream.in_use]
            for stream in ended:
                self._streams.remove(stream)
                stream.close()
            grown = [stream.discard() for stream in self._streams]
            self._watching = bool(self._streams)
        return any(grown)

    def __len__(self) -> int:
        return len(self._streams)

    def _watch(self) -> None:
        while self._watching:
            self._clock.sleep(_BUSY if self.look() else _CALM)


def _page_after(offset: int) -> int:
    return -(-offset // mmap.PAGESIZE) * mmap.PAGESIZE
