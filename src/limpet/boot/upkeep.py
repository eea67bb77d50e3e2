"""What every boot sees to, whoever provisioned the VM: disks, swap, kernel, names of NICs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.entropy import plan_entropy
from limpet.guest.persistent_names import plan_removal
from limpet.guest.resource_disk import ResourceDiskPolicy, plan_resource_disk
from limpet.guest.scsi import plan_scsi_timeouts
from limpet.guest.swap import plan_swap
from limpet.host.facts import kernel, persistent_names, resource_disk, swap

if TYPE_CHECKING:
    from limpet.boot.machine import Machine
    from limpet.config.settings import Config
    from limpet.guest.steps import Task

CREDITED = Path("/run/limpet/entropy")


def plan_kernel(machine: Machine, config: Config) -> list[Task]:
    """Entropy first, for keys are made after it; then the time limits of disks, and udev's names of NICs."""
    tasks = []
    if config.credit_entropy:
        tasks.append(plan_entropy(kernel.entropy(machine.files, CREDITED), CREDITED))
    tasks += plan_scsi_timeouts(config.scsi_timeout, kernel.scsi_timeouts(machine.files))
    if config.remove_persistent_rules:
        facts = persistent_names.look(machine.files, config.library)
        tasks.append(plan_removal(facts, config.library))
    return tasks


def plan_disks(machine: Machine, config: Config) -> list[Task]:
    """The temporary disk, and swap on it."""
    policy = ResourceDiskPolicy(
        format=config.format_resource_disk,
        filesystem=config.resource_disk_filesystem,
        mount_point=config.resource_disk_mount_point,
        options=config.resource_disk_mount_options,
    )
    planned = plan_resource_disk(policy, resource_disk.look(machine.files, machine.devices, machine.commands))
    if planned.note:
        machine.log.info("resource_disk.note", note=planned.note)
    wanted = config.swap_size if config.enable_swap else 0
    facts = swap.look(machine.files, machine.commands, machine.kernel, planned.place)
    return [planned.task, plan_swap(wanted, planned.place, facts)]
