"""The guest shell as this appliance wants it, and what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest.binds import exchange, flash
from limpet.appliance.guest.contract import Limits, ShellPlan
from limpet.appliance.guest.images import image_to_start
from limpet.guest.shell_brief import VARIABLE, ShellBrief
from limpet.guest.site import WIRE_SERVER

if TYPE_CHECKING:
    from limpet.appliance.chronicle import Chronicle
    from limpet.config.settings import Config
    from limpet.guest.site import Site
    from limpet.host.ports import Files

MIB = 1024 * 1024


def shell_plan(config: Config, chronicle: Chronicle, site: Site, files: Files) -> ShellPlan:
    """Raises: HostError, when there is no image that can be started."""
    instance = chronicle.instance or "none"
    return ShellPlan(
        image=image_to_start(files),
        instance=instance,
        network=site.guest,
        dns=site.dns,
        binds=(*exchange(), flash(config.bootflash)),
        limits=Limits(
            cpu=config.guest_cpu,
            memory=config.guest_memory * MIB,
            disk=config.guest_disk * MIB,
            pids=config.guest_pids,
            log=config.guest_log * MIB,
        ),
        environment={VARIABLE: instance},
    )


def brief(chronicle: Chronicle, site: Site) -> ShellBrief:
    """What the agent inside begins with."""
    lease = site.leases.get(site.primary.mac)
    said = chronicle.wire_server or (None if lease is None else lease.wire_server)
    return ShellBrief(
        instance=chronicle.instance or "none",
        vm_id=chronicle.vm_id or "unknown",
        wire_server=str(said or WIRE_SERVER),
        ready=chronicle.ready,
        lease=lease,
        container_id=chronicle.container_id,
    )
