"""CONFIRMING: the guest shell gets the fabric lease, and must reach both platform addresses through the network OS in time (R7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest import images
from limpet.appliance.phases.handing import put_in_place_again
from limpet.appliance.phases.probing import Silence, begin_probe, silence, where
from limpet.appliance.states import Event
from limpet.guest.fabric_lease import Holder
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance

SECOND_TRY = 5.0
"""How long the guest may take after rules and routes were put in place again, seconds."""


def confirm(appliance: Appliance) -> Event:
    """Let the guest's agent begin, and look whether the fabric answers from where it is. Raises: Stopped."""
    try:
        if appliance.lease.holder is not Holder.GUEST_SHELL:
            appliance.lease.revoke()
            appliance.lease.grant(Holder.GUEST_SHELL)
            appliance.last_sign = (None, appliance.machine.clock.monotonic())
        silent = probed(appliance, appliance.site().guest, appliance.config.confirm_timeout)
        problem = None if silent is None else _again(appliance, silent)
    except HostError as error:
        problem = str(error)
    if problem is None:
        appliance.with_problem(None)
        if not appliance.chronicle.handover.confirmed:
            # It counts again when it collapses soon (`roll_back`), and no more when it lasts (`Watch`).
            appliance.note(
                "handover", confirmed=True, attempts=max(0, appliance.chronicle.handover.attempts - 1)
            )
        _confirm_image(appliance)
        return Event.CONFIRMED
    appliance.with_problem(problem)
    if appliance.chronicle.handover.confirmed:
        # It was well since this handover: the fabric, or an operator's configuration, is at fault. Taking the NICs away
        # from a network OS that forwards would not help (F8, F15).
        return Event.CONFIRMED
    return Event.NOT_CONFIRMED


def _confirm_image(appliance: Appliance) -> None:
    """An image that was being tried has worked (the reboot table's last row). What fails is tried again the next time.

    That its network does says nothing of our agent in it: it is heard first (`GuestWatch`).
    """
    if appliance.config.guest_agent == "limpet":
        return
    try:
        step = images.confirm(appliance.machine.files, running=appliance.chronicle.image or "unknown")
        appliance.do(() if step is None else (step,))
    except HostError as error:
        appliance.machine.log.warning("guest.image_not_confirmed", problem=error)


def probed(appliance: Appliance, network: str, timeout: float) -> Silence | None:
    """Why the fabric does not answer in a namespace; None when it does. Raises: HostError, Stopped."""
    child = begin_probe(appliance, network, timeout)
    if not appliance.await_end(child, timeout + 5.0):
        child.kill()
        return Silence(problem="the probe did not end in time")
    done = child.ended()
    try:
        return silence(done.stdout if done is not None else b"")
    except ValueError:
        return Silence(problem="the probe gave no answer that can be read")


def _again(appliance: Appliance, silent: Silence) -> str | None:
    """Tell a fault of NAT from one of the NIC, put rules and routes in place again, and look once more (F2)."""
    site = appliance.site()
    there = appliance.look().exists(site.network_os)
    reached = probed(appliance, site.network_os, 2.0) is None if there else None
    place = where(reached=reached, what=silent.what)
    appliance.machine.log.warning("handover.not_confirmed", problem=silent.problem, where=place)
    put_in_place_again(appliance)
    still = probed(appliance, site.guest, SECOND_TRY)
    if still is None:
        return None
    return f"{where(reached=reached, what=still.what)} ({still.problem})"
