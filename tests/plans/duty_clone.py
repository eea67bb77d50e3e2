"""What a clone forgets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.guest.clone import plan_forgetting
from limpet.host.facts.clone import look

if TYPE_CHECKING:
    from limpet.guest.steps import Task
    from limpet.host.fake import FakeMachine

AREAS = ("network",)
LIBRARY = Path("/var/lib/waagent")


def plan(machine: FakeMachine, _wanted: dict[str, Any]) -> list[Task]:
    return [plan_forgetting(look(machine.files, LIBRARY), LIBRARY)]
