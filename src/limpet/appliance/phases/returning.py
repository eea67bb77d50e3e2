"""ROLLING_BACK and RESCUE: the NICs return to Linux, which is reachable and says why; then it is tried again, with patience (F1)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from limpet.appliance.guest.wanted import Wanted, wanted
from limpet.appliance.phases.continuing import Leases, put_at_home
from limpet.appliance.phases.gaps import fell, note_fall
from limpet.appliance.states import Event, State
from limpet.appliance.terms import go_by_the_new
from limpet.guest.namespaces import HOST
from limpet.guest.saying import NOT_READY
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance
    from limpet.guest.agent_news import AgentNews
    from limpet.guest.site import Nic, Site

LONGEST_PAUSE = 600.0
_MOST_DOUBLINGS = 10
"""Of the shortest pause there is: more would not make it longer."""
_BETWEEN_TRIES = 1.0
_TRIES = 5
LOOK_EVERY, _LOOK_AGAIN = 10.0, 2.0
"""How often the NICs are looked at in a rescue while the kernel tells of no change: that takes processes."""
_MOST_LOOKS = 64
_LINKS_EVERY = 0.5
"""And while it tells of changes all the time."""


def roll_back(appliance: Appliance) -> Event:
    """Give every NIC back to Linux, the primary one first, with its address; then end the network OS. Raises: Stopped."""
    fell(appliance, _take_the_lease(appliance))
    handover = appliance.chronicle.handover
    if handover.confirmed:  # it was well, and did not last
        appliance.note("handover", confirmed=False, attempts=handover.attempts + 1)
    try:
        site = appliance.site()
    except HostError as error:
        appliance.machine.log.warning("rollback.no_site", problem=error)
        return Event.ROLLED_BACK
    for nic in sorted(site.nics, key=lambda each: not each.primary):
        for attempt in range(_TRIES):
            if _taken_back(appliance, nic, site):
                break
            if attempt + 1 < _TRIES:
                appliance.pause(_BETWEEN_TRIES)
        if nic.primary:
            address(appliance, nic, site)
            _report(appliance)
    try:
        appliance.apply(appliance.network_os.stop(site, appliance.look()))
    except HostError as error:
        appliance.machine.log.warning("rollback.network_os_stays", problem=error)
    go_by_the_new(appliance)
    return Event.ROLLED_BACK


def _take_the_lease(appliance: Appliance) -> AgentNews | None:
    """Gives the news of who had it."""
    last = appliance.news()
    try:
        if appliance.status_agent is not None:
            last = appliance.end_status_agent() or last
        else:
            appliance.lease.revoke()
    except HostError as error:
        appliance.machine.log.warning("rollback.lease_held", problem=error)
    return last


def _taken_back(appliance: Appliance, nic: Nic, site: Site) -> bool:
    try:
        appliance.do(appliance.network_os.release(nic, site, appliance.look()))
        if not any(place == HOST and not link.vf for place, link in appliance.look().of_mac(nic.mac)):
            appliance.machine.log.warning("rollback.nic_missing", nic=nic.name, mac=nic.mac)
            return False
    except HostError as error:
        appliance.machine.log.warning("rollback.refused", nic=nic.name, problem=error)
        return False
    appliance.note("move", mac=nic.mac, name=nic.name, to="linux")
    return True


def address(appliance: Appliance, nic: Nic, site: Site) -> None:
    """Address and routes of the saved lease, before DHCP is asked (§6.7). What fails is only noted: rescue looks again."""
    lease = site.leases.get(nic.mac)
    if lease is None:
        return
    try:
        put_at_home(appliance, nic, lease, appliance.seen or appliance.look())
    except HostError as error:
        appliance.machine.log.warning("rollback.not_addressed", nic=nic.name, problem=error)


def _report(appliance: Appliance) -> None:
    """Say why, at once as the NIC is back, and always again when what says it has ended."""
    appliance.keep_status_agent(_reason(appliance), state=NOT_READY)


def _reason(appliance: Appliance) -> str:
    problem = appliance.problem or "no reason is known"
    attempts = appliance.chronicle.handover.attempts
    counted = f" (attempt {attempts} of {appliance.config.attempts})" if attempts else ""
    return f"{State.RESCUE.words}. Reason: {problem}{counted}"


def rescue(appliance: Appliance) -> Event:
    """Stay reachable, report, and try again after a pause that grows; in the end only when an operator says so. Raises: Stopped."""
    clock = appliance.machine.clock
    attempts = appliance.chronicle.handover.attempts
    doublings = min(max(attempts, appliance.unprovisioned, 1) - 1, _MOST_DOUBLINGS)
    pause = min(appliance.config.retry_pause * 2**doublings, LONGEST_PAUSE)
    spent = attempts >= appliance.config.attempts
    leases = Leases(appliance, at_home=True)
    appliance.wishes.add("guest")
    try:
        return _stayed(appliance, leases, math.inf if spent else clock.monotonic() + pause)
    finally:
        leases.end()
        note_fall(appliance, over=not spent)


def _stayed(appliance: Appliance, leases: Leases, due: float) -> Event:
    """Until `due`, on the monotonic clock, or an operator's word."""
    clock = appliance.machine.clock
    away, changed = 0, True
    soonest = latest = clock.monotonic()
    while True:
        _ask_dhcp(appliance, leases)
        _report(appliance)
        _end_guest(appliance)
        note_fall(appliance)
        now = clock.monotonic()
        if now >= (soonest if changed else latest):
            away = away + 1 if _stay_reachable(appliance) else 0
            changed, soonest = False, now + _LINKS_EVERY
            latest = now + (_LOOK_AGAIN if away else LOOK_EVERY)
        if away > min(2 ** min(appliance.aways, 8), _MOST_LOOKS):
            appliance.aways += 1
            return Event.NICS_AWAY
        if "retry" in appliance.wishes:
            appliance.note("handover", attempts=0)
            appliance.unprovisioned = 0
            appliance.wishes.discard("retry")
            return Event.RETRY
        if clock.monotonic() >= due:
            return Event.NICS_AWAY if away else Event.RETRY
        happened = appliance.pause(max(0.05, min(_LOOK_AGAIN, due - clock.monotonic())))
        changed = changed or "link" in happened


def _end_guest(appliance: Appliance) -> None:
    """An operator wants it stopped: it waits for a handover that may come much later. One who wants it to run waits for that, too."""
    if "guest" not in appliance.wishes:
        return
    appliance.wishes.discard("guest")
    if wanted(appliance.machine.files) is not Wanted.DISABLED:
        return
    try:
        appliance.apply(appliance.runtime.stop(appliance.shell(), appliance.guest()))
    except HostError as error:
        appliance.machine.log.warning("guest.not_stopped", problem=error)


def _ask_dhcp(appliance: Appliance, leases: Leases) -> None:
    """The saved lease may be of another time: the platform is asked, and followed."""
    try:
        if appliance.chronicle.nics:
            leases.step()
    except HostError as error:
        appliance.machine.log.warning("rescue.no_lease", problem=error)


def _stay_reachable(appliance: Appliance) -> bool:
    """The primary NIC up and addressed, whoever shut it. Says whether the network OS has it, and must be made to let go first."""
    try:
        site = appliance.site()
        seen = appliance.look()
    except HostError as error:
        appliance.machine.log.warning("rescue.not_looked", problem=error)
        return False
    place, link = next(
        ((place, link) for place, link in seen.of_mac(site.primary.mac) if not link.vf), ("", None)
    )
    if place != HOST or (link is None and site.primary.mac in appliance.chronicle.moved):
        return True  # with a driver that brings its own data plane it is nowhere to be seen
    appliance.aways = 0
    if link is not None:
        address(appliance, site.primary, site)
    return False
