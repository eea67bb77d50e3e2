"""Disks that came later get the SCSI timeout too. Source: guest-setup.md §C.1."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.agent.duties.result import Result, applied
from limpet.guest.steps import Poke, Task
from limpet.host.facts.reading import names_in, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.agent.duties.result import Hands

_BLOCK = Path("/sys/block")


def do(wish: Mapping[str, Any], _memory: Mapping[str, Any], hands: Hands) -> Result:
    """Set it where it is another one; each disk for itself."""
    files, seconds = hands.interpreter.files, wish["timeout"]
    tasks = []
    for name in names_in(files, _BLOCK):
        path = _BLOCK / name / "device/timeout"
        if name.startswith("sd") and text_of(files, path) not in {None, seconds}:
            tasks.append(
                Task(
                    name=f"scsi-timeout-{name}",
                    purpose=f"let the kernel wait {seconds} s for the disk {name}",
                    steps=(Poke(path, f"{seconds}\n".encode()),),
                    required=False,
                )
            )
    return applied(tasks, hands)
