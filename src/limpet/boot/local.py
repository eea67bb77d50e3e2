"""What needs no network: what a new VM gets, and what every boot sees to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from limpet.boot import provisioning, upkeep

if TYPE_CHECKING:
    from limpet.boot.doing import Doing
    from limpet.boot.machine import Machine
    from limpet.boot.provisioning import Wanted
    from limpet.config.settings import Config


def provision(
    doing: Doing, machine: Machine, config: Config, wanted: Wanted, *, see_to_all: bool = True
) -> None:
    """Make the machine its owner's. see_to_all: False where `see_to` was done already."""
    if see_to_all:
        doing.apply("kernel", partial(upkeep.plan_kernel, machine, config), required=False)
    doing.apply("access", partial(provisioning.plan_access, machine, config, wanted))
    doing.apply(
        "kept-document", partial(provisioning.plan_kept_document, machine, config, wanted), required=False
    )
    doing.apply("identity", partial(provisioning.plan_identity, machine, config, wanted))
    doing.apply("custom-data", partial(provisioning.plan_custom_data_tasks, machine, config, wanted))
    if see_to_all:
        _see_to_disks(doing, machine, config)


def see_to(doing: Doing, machine: Machine, config: Config) -> None:
    """What every boot sees to."""
    doing.apply("kernel", partial(upkeep.plan_kernel, machine, config), required=False)
    _see_to_disks(doing, machine, config)


def _see_to_disks(doing: Doing, machine: Machine, config: Config) -> None:
    doing.apply("disks", partial(upkeep.plan_disks, machine, config), required=False)
    doing.apply("boot-loader", partial(upkeep.plan_boot_loader, machine, config), required=False)
