"""Programs of this machine: the Commands port."""

from __future__ import annotations

import errno
import os
import selectors
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from limpet.host.ports import Completed
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT: Mapping[str, str] = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": "/root"}
NOT_FOUND = 127
_PIECE = 64 * 1024
_FULLEST_PIPE = 1024 * 1024
"""Bytes; what /proc/sys/fs/pipe-max-size lets anybody have."""
_DEATH = 5.0
"""How long a killed program may take to be gone, seconds."""


class RealCommands:
    """Runs one program at a time for each caller; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    def end_all(self) -> None:
        """End every program that runs, whichever thread waits for it; none is started any more."""
        with self._lock:
            self._ended = True
            for process in self._running:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0, at_most: int = 1024 * 1024
    ) -> Completed:
        """Run a program and wait for it; at most `at_most` bytes of each of its streams are kept (the head).

        exit_code is 127 when there is no such program, None when it was killed at `timeout` seconds.
        Raises: HostError, when it cannot be started for another reason. Nothing is left running when this is interrupted.
        """
        began = time.monotonic()
        try:
            process = self._started(argv, talks=bool(stdin))
        except FileNotFoundError:
            missing = b"the interpreter of its first line is not there"
            said = missing if self.exists(argv[0]) else b"no such program"
            return Completed(exit_code=NOT_FOUND, stdout=b"", stderr=said, seconds=0.0)
        except (OSError, ValueError) as error:
            raise HostError(f"cannot start {argv[0]}: {error}") from error
        try:
            streams = _Talk(process, stdin, at_most).until(began + timeout)
        except BaseException as error:
            _killed(process)
            if isinstance(error, OSError):
                raise HostError(f"cannot wait for {argv[0]}: {error}") from error
            raise
        finally:
            _close(process)
            with self._lock:
                self._running.discard(process)
        exit_code = _killed(process) if streams is None else process.wait()
        stdout, stderr = streams or (b"", b"")
        seconds = time.monotonic() - began
        return Completed(
            exit_code=None if streams is None else exit_code, stdout=stdout, stderr=stderr, seconds=seconds
        )

    def _started(self, argv: Sequence[str], *, talks: bool) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._ended:
                raise OSError(errno.EINTR, "this program was interrupted")
            process = subprocess.Popen(
                list(argv),
                env=dict(ENVIRONMENT),
                cwd="/",
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._running.add(process)
        return process

    def exists(self, program: str) -> bool:
        """Whether there is a program of that name."""
        places = [program] if "/" in program else [f"{folder}/{program}" for folder in PATH.split(":")]
        try:
            return any(os.access(place, os.X_OK) for place in places)
        except ValueError:  # a NUL in its name
            return False


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _killed(process: subprocess.Popen[bytes]) -> int | None:
    """End it with its whole group. One that hangs in the kernel, as on a broken drive, is not waited for long."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.wait(_DEATH)
    except subprocess.TimeoutExpired:
        return None


class _Talk:
    """Feeds a program and reads what it says, until it has ended.

    What it leaves running in the background may hold its streams: they are given up once the program itself has ended.
    """

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes, at_most: int) -> None:
        self._process = process
        self._todo = memoryview(stdin)
        self._at_most = at_most
        streams = (stream for stream in (process.stdout, process.stderr) if stream is not None)
        self._kept = {stream.fileno(): bytearray() for stream in streams}

    def until(self, deadline: float) -> tuple[bytes, bytes] | None:
        """What it said on both streams; None when it did not end in time. deadline: of the monotonic clock."""
        ended = os.pidfd_open(self._process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(ended, selectors.EVENT_READ)
                self._register(selector)
                while (left := deadline - time.monotonic()) > 0:
                    ready = [key.fd for key, _ in selector.select(left)]
                    if ended in ready:
                        return self._rest()
                    for descriptor in ready:
                        self._serve(descriptor, selector)
        finally:
            os.close(ended)
        return None

    def _register(self, selector: selectors.BaseSelector) -> None:
        for descriptor in self._kept:
            os.set_blocking(descriptor, False)
            selector.register(descriptor, selectors.EVENT_READ)
        if self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)
            selector.register(self._process.stdin.fileno(), selectors.EVENT_WRITE)

    def _rest(self) -> tuple[bytes, bytes]:
        """What is in the pipes still; what it left running may go on filling them for ever."""
        for descriptor in self._kept:
            for _ in range(_FULLEST_PIPE // _PIECE):
                if not self._read(descriptor):
                    break
        stdout, stderr = self._kept.values()
        return bytes(stdout), bytes(stderr)

    def _serve(self, descriptor: int, selector: selectors.BaseSelector) -> None:
        if descriptor in self._kept:
            if self._read(descriptor) == 0:
                selector.unregister(descriptor)
        elif not self._feed(descriptor):
            selector.unregister(descriptor)
            if self._process.stdin is not None:
                with suppress(OSError):
                    self._process.stdin.close()

    def _read(self, descriptor: int) -> int | None:
        """Take what there is; 0 at the end, None when there is none yet."""
        try:
            piece = os.read(descriptor, _PIECE)
        except BlockingIOError:
            return None
        content = self._kept[descriptor]
        content += piece[: max(0, self._at_most - len(content))]
        return len(piece)

    def _feed(self, descriptor: int) -> bool:
        """Give it more of its input. Says whether there is more to give."""
        try:
            self._todo = self._todo[os.write(descriptor, self._todo[:_PIECE]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return bool(self._todo)
