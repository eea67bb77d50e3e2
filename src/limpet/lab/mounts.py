"""Mounts of this machine that are to go, though something that was just killed may still have files of theirs open."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from limpet.lab.clock import wait_for
from limpet.lab.commands import LabError, Result, run

if TYPE_CHECKING:
    from pathlib import Path

TIME_TO_LET_GO = 60.0
BUSY = "busy"


def unmount(folder: Path, *options: str, timeout: float = TIME_TO_LET_GO) -> None:
    """Unmount a folder, as soon as nobody has anything open in it. options: of umount(8).

    Raises: LabError, with what umount said, when that takes longer than `timeout` seconds, or at once for another reason.
    """
    said: list[Result] = []

    def ended() -> bool:
        said[:] = [run(["umount", *options, str(folder)], environment={**os.environ, "LC_ALL": "C"})]
        return not said[0].exit_code or BUSY not in said[0].stderr

    try:
        wait_for(ended, f"{folder} to be let go", timeout=timeout, pause=0.05)
    except LabError as error:
        raise LabError(f"{error}: {said[0].stderr.strip()}") from error
    said[0].checked()
