"""How long the kernel waits for a SCSI disk: longer than by default, because the platform's storage may pause.

Source: guest-setup.md §C.1.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.steps import Poke, Task

if TYPE_CHECKING:
    from collections.abc import Mapping


def plan_scsi_timeouts(wanted: int | None, found: Mapping[str, int]) -> tuple[Task, ...]:
    """One task for each disk whose time limit differs. wanted: seconds, None leaves all alone. found: seconds, by name."""
    return tuple(
        Task(
            name=f"scsi-timeout-{name}",
            purpose=f"let the kernel wait {wanted} s for {name}",
            steps=(Poke(Path("/sys/block", name, "device/timeout"), b"%d" % wanted),),
            required=False,
        )
        for name, seconds in sorted(found.items())
        if wanted is not None and seconds != wanted
    )
