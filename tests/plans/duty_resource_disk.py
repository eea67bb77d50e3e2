"""The resource disk and swap on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.guest.resource_disk import ResourceDiskPolicy, plan_resource_disk
from limpet.guest.swap import plan_swap
from limpet.host.facts import resource_disk, swap

if TYPE_CHECKING:
    from limpet.guest.steps import Task
    from limpet.host.fake import FakeMachine

AREAS = ("disks",)


def plan(machine: FakeMachine, wanted: dict[str, Any]) -> list[Task]:
    for program in wanted.get("not_installed", ()):
        machine.commands.programs.pop(program, None)
    policy = ResourceDiskPolicy(
        format=wanted.get("format", True),
        filesystem=wanted.get("filesystem", "ext4"),
        mount_point=Path(wanted.get("mount_point", "/mnt/resource")),
        options=wanted.get("options"),
    )
    facts = resource_disk.look(machine.files, machine.devices, machine.commands)
    planned = plan_resource_disk(policy, facts)
    swap_facts = swap.look(machine.files, machine.commands, machine.kernel, planned.place)
    return [planned.task, plan_swap(wanted.get("swap", 0), planned.place, swap_facts)]
