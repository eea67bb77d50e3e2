"""The part of the boot stage that needs no network: what a new VM gets, and what every boot sees to.

Meanwhile the network comes up in a thread beside it (`connecting`).
"""

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
        # Entropy comes before keys are made; disks and accounts do not need each other.
        doing.apply("kernel", partial(upkeep.plan_kernel, machine, config), required=False)
        machine.side_by_side(
            partial(_make_theirs, doing, machine, config, wanted),
            partial(_see_to_disks, doing, machine, config),
        )
    else:
        _make_theirs(doing, machine, config, wanted)


def _make_theirs(doing: Doing, machine: Machine, config: Config, wanted: Wanted) -> None:
    """In one go: some of it reads what the step before it has written."""
    doing.apply("access", partial(provisioning.plan_access, machine, config, wanted))
    doing.apply(
        "kept-document", partial(provisioning.plan_kept_document, machine, config, wanted), required=False
    )
    doing.apply("identity", partial(provisioning.plan_identity, machine, config, wanted))
    doing.apply("custom-data", partial(provisioning.plan_custom_data_tasks, machine, config, wanted))


def see_to(doing: Doing, machine: Machine, config: Config) -> None:
    """What every boot sees to."""
    doing.apply("kernel", partial(upkeep.plan_kernel, machine, config), required=False)
    _see_to_disks(doing, machine, config)


def _see_to_disks(doing: Doing, machine: Machine, config: Config) -> None:
    doing.apply("disks", partial(upkeep.plan_disks, machine, config), required=False)
    doing.apply("boot-loader", partial(upkeep.plan_boot_loader, machine, config), required=False)
