"""SCSI time limits, entropy, modules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.guest.entropy import plan_entropy
from limpet.guest.modules import DRIVERS, needed, plan_modules
from limpet.guest.scsi import plan_scsi_timeouts
from limpet.host.facts import kernel

if TYPE_CHECKING:
    from limpet.guest.steps import Task
    from limpet.host.fake import FakeMachine

AREAS = ("modules",)
MARK = Path("/run/limpet/entropy")


def plan(machine: FakeMachine, wanted: dict[str, Any]) -> list[Task]:
    for program in wanted.get("not_installed", ()):
        machine.commands.programs.pop(program, None)
    tasks = list(plan_scsi_timeouts(wanted.get("scsi_timeout"), kernel.scsi_timeouts(machine.files)))
    if wanted.get("entropy"):
        tasks.append(plan_entropy(kernel.entropy(machine.files, MARK), MARK))
    names = wanted.get("modules", ())
    if wanted.get("drivers"):
        names = needed(kernel.without_driver(machine.files, DRIVERS))
    if names:
        facts = kernel.modules(machine.files, machine.commands, machine.kernel, names)
        tasks.append(plan_modules(names, facts))
    return tasks
