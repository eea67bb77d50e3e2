"""What is done to a guest shell that fails again and again: a fresh root file system, then another image; its state is kept (F6).

It is the same in a repair, while the appliance is steady, and before a handover, when it cannot even be started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest import images

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance

WITHIN = 3600.0
"""Failures of the guest shell longer ago than this many seconds are forgotten."""
RESET_FROM, OTHER_IMAGE_FROM = 3, 4
"""From which failure on its root file system is made anew, and the last confirmed image is taken."""


def failed(appliance: Appliance) -> int:
    """Note a failure. Gives how many there were of late. Raises: HostError."""
    now = appliance.machine.clock.now()
    recent = [each for each in appliance.chronicle.failures if 0 <= now - each < WITHIN]
    appliance.note("guest", failures=[*recent, now])
    return len(recent) + 1


def renew(appliance: Appliance, failures: int) -> None:
    """End what is left of it, and make anew as much as so many failures ask for. Raises: HostError."""
    plan = appliance.shell()
    appliance.apply(appliance.runtime.stop(plan, appliance.guest()))
    if failures >= RESET_FROM:
        appliance.apply(appliance.runtime.reset(plan, appliance.guest()))
    if failures >= OTHER_IMAGE_FROM:
        machine = appliance.machine
        note, why = images.suspect(machine.files, machine.commands)
        if note is not None:
            machine.log.warning("guest.image_condemned", problem=why)
            appliance.do((note,))
