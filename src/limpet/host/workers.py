"""Short-lived processes of this package: the Workers port."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from limpet.host.cgroups import inside
from limpet.host.ports import Completed
from limpet.host.worker import interpreter_command
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from limpet.host.ports import Clock

_KEPT = 1024 * 1024
_GENTLE = {"nice": ("-n", "19"), "ionice": ("-c", "3")}


class RealWorkers:
    """Interpreters of their own, each in its own session."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def start(
        self,
        module: str,
        *arguments: str,
        given: bytes = b"",
        groups: Sequence[Path] = (),
        gentle: bool = False,
    ) -> RealWork:
        """Start ``module.main(arguments)``. Raises: HostError. The streams are files in memory."""
        command = interpreter_command(module, *arguments)
        if gentle:
            for program, options in _GENTLE.items():
                found = _place_of(program)
                command = [found, *options, *command] if found else command
        streams = [os.memfd_create(name) for name in ("given", "stdout", "stderr")]
        try:
            os.write(streams[0], given)
            os.lseek(streams[0], 0, os.SEEK_SET)
            process = subprocess.Popen(
                inside(groups, command),
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
        return RealWork(process, streams[1:], self._clock)


def _place_of(program: str) -> str | None:
    """Where a program is; shutil, which knows it too, brings all kinds of compression into the resident process."""
    return next(
        (path for path in (f"/usr/bin/{program}", f"/bin/{program}") if os.access(path, os.X_OK)), None
    )


class RealWork:
    """One of them."""

    def __init__(self, process: subprocess.Popen[bytes], streams: list[int], clock: Clock) -> None:
        self._process = process
        self._streams = streams
        self._clock = clock
        self._began = clock.monotonic()
        self._completed: Completed | None = None

    def ended(self) -> Completed | None:
        """How it ended; None while it works."""
        if self._completed is None and (exit_code := self._process.poll()) is not None:
            stdout, stderr = (os.pread(stream, _KEPT, 0) for stream in self._streams)
            for stream in self._streams:
                os.close(stream)
            seconds = self._clock.monotonic() - self._began
            self._completed = Completed(exit_code=exit_code, stdout=stdout, stderr=stderr, seconds=seconds)
        return self._completed

    def kill(self) -> None:
        """End it with all that it started."""
        if self.ended() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
