"""The lab's clock: waiting for real processes, always with a limit, and saying what was waited for when it does not come."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from limpet.lab.commands import LabError

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")
PAUSE = 0.01


def seconds() -> float:
    """Seconds from an arbitrary start; never jumps."""
    return time.monotonic()  # noqa: TID251 - the lab drives real processes; nothing here is simulated


def now() -> float:
    """Seconds since 1970: what the fabric and the machines, which have this machine's clock, call the time."""
    return time.time()  # noqa: TID251 - see above


def wait_for(look: Callable[[], Found | None], what: str, *, timeout: float, pause: float = PAUSE) -> Found:
    """Ask `look` until it gives something that counts as true, and give that.

    Raises: LabError, saying `what` was waited for, after `timeout` seconds.
    """
    end = seconds() + timeout
    while not (found := look()):
        if seconds() >= end:
            raise LabError(f"waited {timeout:g} s for {what}")
        time.sleep(pause)  # noqa: TID251 - see above
    return found


def pause(length: float) -> None:
    """Let `length` seconds pass in which nothing is done: where idleness is what is measured."""
    time.sleep(length)  # noqa: TID251 - see above
