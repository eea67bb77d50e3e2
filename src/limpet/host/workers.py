"""Short-lived processes of this package: the Workers port."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from limpet.host.cgroups import inside
from limpet.host.streamed import Streamed
from limpet.host.worker import interpreter_command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from limpet.host.ports import Clock

_KEPT = 1024 * 1024
"""Bytes of the beginning of each stream that are kept."""
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
    ) -> Streamed:
        """Start ``module.main(arguments)``. Raises: HostError. The streams are files in memory."""
        command = interpreter_command(module, *arguments)
        if gentle:
            for program, options in _GENTLE.items():
                found = _place_of(program)
                command = [found, *options, *command] if found else command
        return Streamed(module, inside(groups, command), given=given, clock=self._clock, read=_beginning)


def _place_of(program: str) -> str | None:
    """Where a program is; shutil, which knows it too, brings all kinds of compression into the resident process."""
    return next(
        (path for path in (f"/usr/bin/{program}", f"/bin/{program}") if os.access(path, os.X_OK)), None
    )


def _beginning(stream: int) -> bytes:
    return os.pread(stream, _KEPT, 0)
