"""What every boot sees to, whoever provisioned the VM: drivers, entropy, disks and swap, the kernel's arguments, names of NICs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.entropy import plan_entropy
from limpet.guest.kernel_release import kernel_version
from limpet.guest.modules import DRIVERS, needed, plan_modules
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
_WITHOUT_NUMA_TROUBLE = (2, 6, 37)


def plan_drivers(machine: Machine, config: Config) -> list[Task]:
    """Drivers for a drive, a NIC or the key-value pairs, where the device is there and nothing has loaded its driver."""
    asked = [driver for driver in DRIVERS if config.kvp or not driver.key_values]
    names = needed(kernel.without_driver(machine.files, asked))
    if not names:
        return []
    return [plan_modules(names, kernel.modules(machine.files, machine.commands, machine.kernel, names))]


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


def plan_boot_loader(machine: Machine, config: Config) -> list[Task]:
    """Arguments of the kernel at its next start: for the serial console where that is wanted, for NUMA on old kernels."""
    numa_off = config.numa_off and kernel_version(machine.kernel.release()) < _WITHOUT_NUMA_TROUBLE
    if not config.serial_console and not numa_off:
        return []
    from limpet.guest.boot_loaders import needs_numa_off, plan_arguments  # noqa: PLC0415 - few machines get so far
    from limpet.guest.kernel_arguments import NUMA_OFF, serial_console  # noqa: PLC0415
    from limpet.host.facts.boot_loaders import look  # noqa: PLC0415

    wishes = []
    if config.serial_console:
        wishes.append(serial_console(machine.kernel.architecture()))
    if numa_off and needs_numa_off(machine.kernel.release()):
        wishes.append(NUMA_OFF)
    return [
        task for wish in wishes for task in plan_arguments(wish, look(machine.files, machine.commands, wish))
    ]
