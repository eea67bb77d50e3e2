"""Processes of this package that end with the one that started them: the Children port."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.log import under_journal
from limpet.host.ports import Completed
from limpet.host.worker import interpreter_command
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.host.ports import Clock

_NETWORKS = Path("/run/netns")
_KEPT = 256 * 1024


class RealChildren:
    """Each is in a session of its own; the kernel ends it when its parent dies (setpriv of util-linux)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def start(
        self, module: str, *arguments: str, network: str | None = None, given: bytes = b""
    ) -> RealChild:
        """Start ``module.main(arguments)``, in a network namespace where one is named. Raises: HostError."""
        command = ["setpriv", "--pdeathsig", "KILL", *interpreter_command(module, *arguments)]
        if network is not None:
            command = ["nsenter", f"--net={_NETWORKS / network}", *command]
        streams = [os.memfd_create(name) for name in ("given", "stdout", "stderr")]
        try:
            os.write(streams[0], given)
            os.lseek(streams[0], 0, os.SEEK_SET)
            process = subprocess.Popen(
                command,
                env=_environment(streams[2]),
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            for stream in streams[1:]:
                os.close(stream)
            raise HostError(f"cannot start {module}: {error.strerror}") from error
        finally:
            os.close(streams[0])
        return RealChild(process, streams[1:], self._clock)


def _environment(stderr: int) -> dict[str, str] | None:
    """Where this process logs to the journal, its children do, too: by its socket, as what they say is kept for `ended`."""
    if not under_journal():
        return None
    found = os.fstat(stderr)
    return {**os.environ, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}


class RealChild:
    """One of them."""

    def __init__(self, process: subprocess.Popen[bytes], streams: list[int], clock: Clock) -> None:
        self._process = process
        self._streams = streams
        self._clock = clock
        self._began = clock.monotonic()
        self._completed: Completed | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ended(self) -> Completed | None:
        """How it ended, with the end of what it said; None while it lives."""
        if self._completed is None and (exit_code := self._process.poll()) is not None:
            stdout, stderr = (_end(stream) for stream in self._streams)
            for stream in self._streams:
                os.close(stream)
            self._completed = Completed(
                exit_code=exit_code,
                stdout=stdout,
                stderr=stderr,
                seconds=self._clock.monotonic() - self._began,
            )
        return self._completed

    def ask(self) -> None:
        """Ask it to end (SIGTERM)."""
        if self.ended() is None:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it with all that it started."""
        if self.ended() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _end(stream: int) -> bytes:
    size = os.fstat(stream).st_size
    return os.pread(stream, _KEPT, max(0, size - _KEPT))
