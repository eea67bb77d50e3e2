"""Processes of this package that end with the one that started them: the Children port."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.log import under_journal
from limpet.host.streamed import Streamed
from limpet.host.worker import interpreter_command

if TYPE_CHECKING:
    from limpet.host.ports import Clock

_NETWORKS = Path("/run/netns")
_KEPT = 256 * 1024
"""Bytes of the end of each stream that are kept."""


class RealChildren:
    """Each is in a session of its own; the kernel ends it when its parent dies (setpriv of util-linux)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def start(self, module: str, *arguments: str, network: str | None = None, given: bytes = b"") -> Streamed:
        """Start ``module.main(arguments)``, in a network namespace where one is named. Raises: HostError."""
        command = ["setpriv", "--pdeathsig", "KILL", *interpreter_command(module, *arguments, packed=True)]
        if network is not None:
            command = ["nsenter", f"--net={_NETWORKS / network}", *command]
        return Streamed(module, command, given=given, clock=self._clock, read=_end, environment=_environment)


def _environment(stderr: int) -> dict[str, str] | None:
    """Where this process logs to the journal, its children do, too: by its socket, as what they say is kept for `ended`."""
    if not under_journal():
        return None
    found = os.fstat(stderr)
    return {**os.environ, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}


def _end(stream: int) -> bytes:
    size = os.fstat(stream).st_size
    return os.pread(stream, _KEPT, max(0, size - _KEPT))
