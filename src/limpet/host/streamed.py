"""A process in a session of its own whose input and output are files in memory: no pipe fills up, nothing has to be read meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from limpet.host.ports import Completed
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from limpet.host.ports import Clock


class Streamed:
    """One such process, from its start to its end: a Work and a Child."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        given: bytes,
        clock: Clock,
        read: Callable[[int], bytes],
        environment: Callable[[int], Mapping[str, str] | None] = lambda _: None,
    ) -> None:
        """Start it. Raises: HostError, which calls it by `name`.

        given: its stdin. read: what is kept of a stream, asked with its descriptor after the end. environment: its own, made
        for the descriptor of its stderr; None: as this process has it.
        """
        streams = [os.memfd_create(each) for each in ("given", "stdout", "stderr")]
        try:
            os.write(streams[0], given)
            os.lseek(streams[0], 0, os.SEEK_SET)
            self._process = subprocess.Popen(
                command,
                env=environment(streams[2]),
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            for stream in streams[1:]:
                os.close(stream)
            raise HostError(f"cannot start {name}: {error.strerror}") from error
        finally:
            os.close(streams[0])
        self._streams = streams[1:]
        self._read = read
        self._clock = clock
        self._began = clock.monotonic()
        self._completed: Completed | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ended(self) -> Completed | None:
        """How it ended, with what is kept of what it said; None while it lives."""
        if self._completed is None and (exit_code := self._process.poll()) is not None:
            stdout, stderr = (self._read(stream) for stream in self._streams)
            for stream in self._streams:
                os.close(stream)
            seconds = self._clock.monotonic() - self._began
            self._completed = Completed(exit_code=exit_code, stdout=stdout, stderr=stderr, seconds=seconds)
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
