"""Arguments for the next kernel: the serial console's, numa=off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.guest.boot_loaders import needs_numa_off, plan_arguments
from limpet.guest.kernel_arguments import NUMA_OFF, serial_console
from limpet.host.facts.boot_loaders import look

if TYPE_CHECKING:
    from limpet.guest.steps import Task
    from limpet.host.fake import FakeMachine

AREAS = ("boot_loaders",)


def plan(machine: FakeMachine, wanted: dict[str, Any]) -> list[Task]:
    for program in ("update-grub", "grub-mkconfig", "grub2-mkconfig"):
        if program not in wanted.get("programs", ()):
            machine.commands.programs.pop(program, None)
    if wanted.get("wish") == "numa-off":
        if not needs_numa_off(machine.kernel.release()):
            return []
        wish = NUMA_OFF
    else:
        wish = serial_console(machine.kernel.architecture())
    facts = look(machine.files, machine.commands, wish)
    return list(plan_arguments(wish, facts, remove=wanted.get("remove", False)))
