"""HANDING_OVER: the NICs go to the network OS one by one, the primary last, after the last report of the status-only agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.inventory import everywhere, given, nics_of
from limpet.appliance.networkos import port
from limpet.appliance.phases.booting import note_network
from limpet.appliance.states import Event, State
from limpet.guest.fabric_lease import Holder
from limpet.guest.namespaces import HOST
from limpet.model.errors import HostError

NETWORK_OS = "limpet-nos"

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance
    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Nic


def hand_over(appliance: Appliance) -> Event:
    """Move what Linux still has. Raises: Stopped."""
    if appliance.lease.holder is Holder.GUEST_SHELL:
        return _add(appliance)
    try:
        site = appliance.site()
        seen = appliance.look()
        late = [nic for nic in site.nics if is_with_linux(nic, seen)]
        clock = appliance.machine.clock
        attempts = appliance.chronicle.handover.attempts + 1
        appliance.note(
            "handover",
            attempts=attempts,
            started=clock.now(),
            before=None,
            before_up=None,
            gap=None,
            confirmed=False,
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


def _add(appliance: Appliance) -> Event:
    """A NIC or a virtual function more, while the guest shell talks. One that cannot be given stays: nothing else suffers (F3, F12)."""
    try:
        site = appliance.site()
        for nic in site.nics:
            if not is_with_linux(nic, appliance.look()):
                continue
            try:
                give(appliance, nic)
                appliance.left_behind.pop(nic.mac, None)
            except HostError as error:
                appliance.note("move", mac=nic.mac, name=nic.name, to="linux")
                appliance.leave_behind(nic.mac)
                appliance.with_problem(f"{nic.name} stays with Linux: {error}")
                appliance.machine.log.warning("handover.nic_left", nic=nic.name, mac=nic.mac, problem=error)
    except HostError as error:
        appliance.with_problem(str(error))
    return Event.MOVED


def has_nics(appliance: Appliance) -> bool:
    """Whether the network OS has a NIC of the inventory; without one, what there is becomes the inventory."""
    try:
        seen = appliance.look()
        if not appliance.chronicle.nics:
            if not nics_of(given(seen, NETWORK_OS), appliance.config, None):
                return False
            note_network(appliance, everywhere(seen, NETWORK_OS))
    except HostError:
        return False
    return any(place != HOST for nic in appliance.chronicle.nics for place, _ in seen.of_mac(nic.mac))


def is_with_linux(nic: Nic, seen: Seen) -> bool:
    """Whether the NIC, or a virtual function of it, is in the host's namespace (F3)."""
    return any(namespace == HOST for namespace, _ in seen.of_mac(nic.mac))


def _leave(appliance: Appliance) -> None:
    """The last report from Linux: the status gap begins. Raises: HostError."""
    last = appliance.end_status_agent(State.HANDING_OVER.words)
    appliance.note(
        "handover",
        before=None if last is None else last.last,
        before_up=None if last is None else last.last_up,
    )


def dress_all(appliance: Appliance, *, doubt: bool) -> None:
    """Addresses and routes as they shall be. doubt: whatever seems to be in place. Raises: HostError, for the primary NIC."""
    site, driver = appliance.site(), appliance.network_os
    for nic in site.nics:
        try:
            seen = appliance.look()
            steps = driver.dress(nic, site.leases.get(nic.mac), site, seen.in_doubt() if doubt else seen)
            appliance.do(steps)
        except HostError as error:
            if nic.primary:
                raise
            appliance.machine.log.warning("handover.not_dressed", nic=nic.name, problem=error)


def put_in_place_again(appliance: Appliance) -> None:
    """Rules, addresses and routes from the guest's end of its port to the primary NIC, whatever seems to be. Raises: HostError."""
    site = appliance.site()
    appliance.do(appliance.network_os.protect(site))
    if appliance.look().named(site.guest, site.port.inner) is not None:
        try:
            appliance.do(port.inner_end(site))
        except HostError as error:
            appliance.machine.log.warning("handover.guest_port", problem=error)
    dress_all(appliance, doubt=True)


def give(appliance: Appliance, nic: Nic) -> None:
    """One NIC, with its address at once. Raises: HostError."""
    site, driver = appliance.site(), appliance.network_os
    appliance.note("move", mac=nic.mac, name=nic.name, to="network OS")
    move = driver.claim(nic, site, appliance.look())
    try:
        appliance.do(move.forward)
    except HostError as error:
        reason = error.__cause__ or error  # without the command's name: what it was for is said here
        raise HostError(f"cannot {move.purpose}: {reason}") from error
    seen = appliance.look()
    if any(place == HOST and link.name == nic.name and not link.vf for place, link in seen.of_mac(nic.mac)):
        raise HostError(f"cannot {move.purpose}: it says that it has taken it, and Linux has it still")
    appliance.do(driver.dress(nic, site.leases.get(nic.mac), site, seen))
    appliance.machine.log.info("handover.moved", nic=nic.name, mac=nic.mac)
