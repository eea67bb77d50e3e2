"""Kernel modules that a duty needs and that nothing has loaded. Source: guest-setup.md §C.5.

The kernel loads drivers for devices that it sees and file systems that are mounted; an image may have none of the rules for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.guest.steps import Run, Task

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "modules"
_SECONDS = 60.0

MEDIA = ("cdrom", "sr_mod", "isofs", "udf")
"""What a provisioning disc needs, in any drive."""
IDE_DRIVE = ("ata_piix",)
"""What the disc drive of a generation 1 VM needs besides."""
KEY_VALUES = ("hv_utils",)
"""What reports to the hypervisor need."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleFacts:
    """Of the modules asked for: loaded, or built into the kernel; and those that could be loaded."""

    present: frozenset[str] = frozenset()
    loadable: frozenset[str] = frozenset()
    modprobe: bool = True


def plan_modules(needed: Iterable[str], facts: ModuleFacts) -> Task:
    """Load those that are absent, in one go. What this kernel does not have is not asked for; block lists are respected."""
    absent = tuple(
        name for name in dict.fromkeys(needed) if name not in facts.present and name in facts.loadable
    )
    steps = (Run(("modprobe", "-b", "-a", *absent), timeout=_SECONDS),) if absent else ()
    problem = "the program modprobe is not installed" if absent and not facts.modprobe else None
    return Task(
        name=NAME,
        purpose=f"load {', '.join(absent) or 'no modules'}",
        steps=() if problem else steps,
        problem=problem,
        advice="Install kmod, or build them into the kernel.",
        required=False,
    )
