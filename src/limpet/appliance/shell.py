"""The guest shell as this appliance wants it (`ShellPlan`), and what its agent is told to begin with (`ShellBrief`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest.images import image_to_start
from limpet.appliance.guest.planning import shell_of
from limpet.guest.shell_brief import ShellBrief
from limpet.model.addresses import WIRE_SERVER

if TYPE_CHECKING:
    from limpet.appliance.chronicle import Chronicle
    from limpet.appliance.guest.contract import ShellPlan
    from limpet.config.settings import Config
    from limpet.guest.site import Site
    from limpet.host.ports import Files


def shell_plan(config: Config, chronicle: Chronicle, site: Site, files: Files) -> ShellPlan:
    """Raises: HostError, when there is no image that can be started."""
    instance = chronicle.instance or "none"
    return shell_of(config, image=image_to_start(files), instance=instance, network=site.guest, dns=site.dns)


def brief(config: Config, chronicle: Chronicle, site: Site) -> ShellBrief:
    """What the agent inside begins with."""
    lease = site.leases.get(site.primary.mac)
    said = config.fabric_endpoint or chronicle.wire_server or (None if lease is None else lease.wire_server)
    return ShellBrief(
        instance=chronicle.instance or "none",
        vm_id=chronicle.vm_id or "unknown",
        wire_server=str(said or WIRE_SERVER),
        ready=chronicle.ready,
        lease=lease,
        container_id=chronicle.container_id,
    )
