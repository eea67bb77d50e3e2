"""HANDING_OVER: the NICs go to the network OS one by one, the primary last, after the last report of the status-only agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.states import Event, State
from limpet.guest.fabric_lease import Holder
from limpet.guest.namespaces import HOST
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance
    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Nic


def hand_over(appliance: Appliance) -> Event:
    """Move what Linux still has. Raises: Stopped."""
    guest_has_it = appliance.lease.holder is Holder.GUEST_SHELL
    try:
        site = appliance.site()
        seen = appliance.look()
        late = [nic for nic in site.nics if is_with_linux(nic, seen)]
        if not guest_has_it:
            clock = appliance.machine.clock
            attempts = appliance.chronicle.handover.attempts + 1
            appliance.note(
                "handover", attempts=attempts, started=clock.now(), before=None, gap=None, confirmed=False
            )
        for nic in late:
            if not nic.primary:
                give(appliance, nic)
        primary = next((nic for nic in late if nic.primary), None)
        if primary is not None:
            _leave(appliance)
            give(appliance, primary)
    except HostError as error:
        appliance.with_problem(str(error))
        return Event.CANNOT_MOVE
    return Event.MOVED


def is_with_linux(nic: Nic, seen: Seen) -> bool:
    """Whether the NIC, or a virtual function of it, is in the host's namespace (F3)."""
    return any(namespace == HOST for namespace, _ in seen.of_mac(nic.mac))


def _leave(appliance: Appliance) -> None:
    """The last report from Linux: the status gap begins. Raises: HostError."""
    last = appliance.end_status_agent(State.HANDING_OVER.words)
    appliance.note("handover", before=None if last is None else last.last)


def give(appliance: Appliance, nic: Nic) -> None:
    """One NIC, with its address at once. Raises: HostError."""
    site, driver = appliance.site(), appliance.network_os
    appliance.note("move", mac=nic.mac, name=nic.name, to="network OS")
    move = driver.claim(nic, site, appliance.look())
    appliance.do(move.forward)
    appliance.do(driver.dress(nic, site.leases.get(nic.mac), site, appliance.look()))
    appliance.machine.log.info("handover.moved", nic=nic.name, mac=nic.mac)
