"""Kernel modules that a duty needs and that nothing has loaded. Source: guest-setup.md §C.5.

The kernel loads drivers for devices that it sees and file systems that are mounted; an image may have none of the rules for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.guest.steps import Run, Task

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

NAME = "modules"
_SECONDS = 60.0

MEDIA = ("cdrom", "sr_mod", "isofs", "udf")
"""What a provisioning disc needs, in any drive."""
IDE_DRIVE = ("ata_piix",)
"""What the disc drive of a generation 1 VM needs besides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Driver:
    """A module, and the devices that are of no use without it.

    bus: below /sys/bus. signs: what files of such a device say, or begin with. key_values: whether it is for reports to the
    hypervisor only.
    """

    module: str
    bus: str
    signs: Mapping[str, tuple[str, ...]]
    key_values: bool = False


_STORAGE_CLASSES = (
    "{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}",
    "{32412632-86cb-44a2-9b5c-50d1417354f5}",
)  # SCSI, IDE
DRIVERS = (
    Driver(module="hv_storvsc", bus="vmbus", signs={"class_id": _STORAGE_CLASSES}),
    Driver(module="ata_piix", bus="pci", signs={"class": ("0x0101",), "vendor": ("0x8086",)}),
    Driver(module="sr_mod", bus="scsi", signs={"type": ("5",)}),
    Driver(module="hv_netvsc", bus="vmbus", signs={"class_id": ("{f8615163-df3e-46c5-913f-f2d2f965ed0e}",)}),
    Driver(
        module="hv_utils",
        bus="vmbus",
        signs={"class_id": ("{a9a0f4e7-5a45-4d96-b827-8a841e8c03e6}",)},
        key_values=True,
    ),
)
"""What provisioning needs: the drive, the NIC, the key-value pairs. Classes of VMBus devices are as the kernel names them.

File systems are not here: our own reader needs none, and the kernel loads one when something is mounted.
"""
_BRING_DRIVES = frozenset({"hv_storvsc", "ata_piix"})


def needed(without_driver: Collection[str]) -> tuple[str, ...]:
    """The modules to load when devices of these have no driver: a bus that gets one may bring a disc drive."""
    found = tuple(driver.module for driver in DRIVERS if driver.module in without_driver)
    return (*found, "sr_mod") if _BRING_DRIVES & set(found) else found


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
