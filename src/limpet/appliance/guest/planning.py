"""The guest shell that the settings describe, as a `ShellPlan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest.binds import exchange, flash
from limpet.appliance.guest.contract import Limits, ShellPlan
from limpet.guest.shell_brief import VARIABLE

if TYPE_CHECKING:
    from ipaddress import IPv4Address
    from pathlib import Path

    from limpet.config.settings import Config

MIB = 1024 * 1024


def shell_of(
    config: Config, *, image: Path, instance: str, network: str, dns: tuple[IPv4Address, ...]
) -> ShellPlan:
    """image: what it is started from, as `images.image_to_start` says. The rest is as in `ShellPlan`."""
    return ShellPlan(
        image=image,
        instance=instance,
        network=network,
        dns=dns,
        binds=(*exchange(), flash(config.bootflash, (config.guest_share or 0) * MIB)),
        limits=Limits(
            cpu=config.guest_cpu,
            memory=config.guest_memory * MIB,
            disk=config.guest_disk * MIB,
            pids=config.guest_pids,
            log=config.guest_log * MIB,
        ),
        environment={VARIABLE: instance},
        network_admin=config.guest_network_admin,
    )
