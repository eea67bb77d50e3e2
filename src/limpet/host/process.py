"""Handlers' commands as processes of this machine: the Processes port. Source: extensions.md §4."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

from limpet.host import predecessor
from limpet.host.capture import Capture, Lingering
from limpet.host.cgroups import inside
from limpet.host.clock import Deadline
from limpet.host.ports import Completed
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from limpet.host.ports import Clock

_CALM = 0.05
_BUSY = 0.005
"""How often a running command's output is looked at, seconds: usually, and while it prints much."""
_DEATH = 5.0
"""How long a killed shell may take to be gone, seconds. Longer, and it hangs in the kernel."""


class HandlerProcesses:
    """Runs one command at a time."""

    def __init__(self, clock: Clock, *, record: Path | None = None) -> None:
        """record: the file that tells a later agent what runs, should this one not see its end."""
        self._clock = clock
        self._record = record
        self._lingering = Lingering(clock)
        self._lock = threading.Lock()
        self._current: subprocess.Popen[bytes] | None = None

    def run_handler_command(
        self,
        command: str,
        *,
        folder: Path,
        environment: Mapping[str, str],
        timeout: float,
        groups: Sequence[Path] = (),
    ) -> Completed:
        """Run a shell fragment in its own session and wait for the shell, not for what it left running.

        stdout and stderr: at most 3200 bytes of head and of tail each are kept, whatever is written.
        groups: control groups to be in from the first instruction on; one that cannot be entered is done without.
        Raises: HostError, when it cannot be started. Source: extensions.md §4.
        """
        began = self._clock.monotonic()
        with contextlib.ExitStack() as stack:
            try:
                streams = [self._stream(folder, stack), self._stream(folder, stack)]
                process = self._start(
                    inside(groups, ["/bin/sh", "-c", command]), folder, environment, streams
                )
            except (OSError, ValueError) as error:
                raise HostError(f"cannot start a command in {folder}: {error}") from error
            if self._record is not None:
                predecessor.note(self._record, process.pid, began + timeout, folder.name)
            try:
                exit_code = self._outcome(process, streams, Deadline(timeout))
            except OSError as error:
                _kill_group(process.pid)
                raise HostError(f"cannot wait for a command in {folder}: {error}") from error
            finally:
                with self._lock:
                    self._current = None
                if self._record is not None:
                    with contextlib.suppress(OSError):
                        self._record.unlink()
            return Completed(
                exit_code=exit_code,
                stdout=streams[0].content(),
                stderr=streams[1].content(),
                seconds=self._clock.monotonic() - began,
            )

    def await_earlier(self, tell: Callable[[str, float], None]) -> float | None:
        """Wait for the command that an earlier agent has left running, within its time. Gives the seconds, None where there is none.

        tell: is given its handler's folder by name, and the most seconds that this will take, before it begins.
        """
        return None if self._record is None else predecessor.settle(self._record, self._clock, tell)

    def stop_current(self) -> None:
        """End the command that is running now, if any, with its whole group."""
        with self._lock:
            if self._current is not None:
                _kill_group(self._current.pid)

    def _stream(self, folder: Path, stack: contextlib.ExitStack) -> Capture:
        stream = Capture(folder)
        stack.callback(self._lingering.adopt, stream)
        stack.callback(stream.close_writer)
        return stream

    def _start(
        self, argv: Sequence[str], folder: Path, environment: Mapping[str, str], streams: Sequence[Capture]
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            self._current = subprocess.Popen(
                argv,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=streams[0].writer,
                stderr=streams[1].writer,
                start_new_session=True,
            )
            return self._current

    def _outcome(
        self, process: subprocess.Popen[bytes], streams: Sequence[Capture], deadline: Deadline
    ) -> int | None:
        for stream in streams:
            stream.close_writer()
        # Until wait() takes its exit code the process id, and so the group's, is not given to anybody else.
        ended = _ends(process.pid, streams, deadline)
        if not ended:
            _kill_group(process.pid)
            if not _ends(process.pid, streams, Deadline(_DEATH)):
                return None
        exit_code = process.wait()
        return exit_code if ended else None


def _ends(pid: int, streams: Sequence[Capture], deadline: Deadline) -> bool:
    """Wait for a process and keep its output small meanwhile. Says whether it ended in time."""
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        pause = _BUSY
        while not poll.poll(1000 * min(pause, deadline.left())):
            if deadline.over:
                return False
            grown = [stream.shrink() for stream in streams]
            pause = _BUSY if any(grown) else _CALM
        return True
    finally:
        os.close(descriptor)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
