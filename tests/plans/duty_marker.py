"""The record that a VM is provisioned, and the kept copy. wanted: vm_id, reported; copy, the document without its password."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.guest.marker import Marker, plan_marker
from limpet.guest.media import plan_kept_copy
from limpet.host.facts.marker import look
from limpet.host.facts.reading import bytes_of

if TYPE_CHECKING:
    from limpet.guest.steps import Task
    from limpet.host.fake import FakeMachine

AREAS = ("network",)
LIBRARY = Path("/var/lib/waagent")


def plan(machine: FakeMachine, wanted: dict[str, Any]) -> list[Task]:
    marker = Marker(
        vm_id=wanted["vm_id"], at=1767225600.0, agent="limpet/1.0", reported=wanted.get("reported")
    )
    tasks = [plan_marker(look(machine.files, LIBRARY), marker, LIBRARY)]
    if "copy" in wanted:
        present = bytes_of(machine.files, LIBRARY / "ovf-env.xml", at_most=1 << 20)
        tasks.insert(0, plan_kept_copy(wanted["copy"].encode(), present, LIBRARY))
    return tasks
