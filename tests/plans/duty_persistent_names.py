"""udev's persistent names. wanted: back, to give them back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.guest.persistent_names import plan_removal, plan_return
from limpet.host.facts.persistent_names import look

if TYPE_CHECKING:
    from limpet.guest.steps import Task
    from limpet.host.fake import FakeMachine

AREAS = ("network",)
LIBRARY = Path("/var/lib/waagent")


def plan(machine: FakeMachine, wanted: dict[str, Any]) -> list[Task]:
    planner = plan_return if wanted.get("back") else plan_removal
    return [planner(look(machine.files, LIBRARY), LIBRARY)]
