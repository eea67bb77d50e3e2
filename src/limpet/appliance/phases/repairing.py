"""REPAIRING: get the network OS going without touching the data plane, or the guest shell with its state kept (F4, F6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest.wanted import DISABLED, Wanted, wanted
from limpet.appliance.networkos.contract import Health
from limpet.appliance.phases.confirming import probed
from limpet.appliance.phases.handing import dress_all
from limpet.appliance.phases.preparing import start_guest
from limpet.appliance.phases.probing import METADATA
from limpet.appliance.phases.renewing import failed, renew
from limpet.appliance.states import Event
from limpet.guest.fabric_lease import Holder
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance

_LONGEST_PAUSE = 30.0
_BETWEEN = 0.5
_TRIES = 5


def repair(appliance: Appliance) -> Event:
    """Raises: Stopped."""
    while True:
        event = _network_os(appliance) or _guest(appliance)
        if event is not None:
            return event


def _network_os(appliance: Appliance) -> Event | None:
    """Revive it until it is well, or is borne as it is; an event when its data plane is lost."""
    machine, driver = appliance.machine, appliance.network_os
    for attempt in range(_TRIES):
        try:
            site = appliance.site()
            pulse = appliance.pulse(deep=True)
            if pulse.health is Health.HEALTHY:
                if attempt:
                    appliance.do(driver.protect(site))
                    dress_all(appliance, doubt=False)
                return None
            if pulse.health is Health.GONE:
                appliance.with_problem(f"the network OS lost the NICs: {pulse.problem}")
                return Event.NETWORK_OS_GONE
            appliance.pause(_BETWEEN if attempt else appliance.revivals.patience(machine.clock.monotonic()))
            appliance.apply(driver.revive(site, appliance.look(), pulse))
        except HostError as error:
            appliance.with_problem(f"the network OS cannot be revived: {error}")
            machine.log.warning("network_os.not_revived", problem=error)
            appliance.pause(min(2.0**attempt, _LONGEST_PAUSE))
    return None if _is_borne(appliance) else Event.NETWORK_OS_GONE


def _is_borne(appliance: Appliance) -> bool:
    """Whether it is well, or forwards all the same: to take the NICs from a data plane that works would make it worse. Raises: Stopped.

    It works where the wire server answers, also when an operator has shut off the metadata service alone.
    """
    try:
        pulse = appliance.pulse(deep=True)
        if pulse.health is Health.HEALTHY:
            return True  # by itself, after the last try
        if pulse.health is Health.GONE:
            return False
        silent = probed(appliance, appliance.site().guest, appliance.config.confirm_timeout)
    except HostError:
        return False
    if silent is not None and silent.what != METADATA:
        return False
    problem = f"the network OS: {pulse.problem or appliance.problem}"
    appliance.with_problem(problem)
    appliance.machine.log.warning(
        "network_os.borne", problem=problem, remedy="it forwards; reviving it is tried again later"
    )
    appliance.revivals.bear(appliance.machine.clock.monotonic(), pulse.cause, pulse.problem)
    return True


def _guest(appliance: Appliance) -> Event | None:
    """Have it run; its failures within an hour decide how thoroughly, and when it is given up. None: it is not done yet."""
    machine = appliance.machine
    if wanted(machine.files) is Wanted.DISABLED:
        _end(appliance)
        return Event.GUEST_GAVE_UP
    try:
        if _is_well(appliance):
            return Event.REPAIRED
    except HostError as error:
        appliance.with_problem(f"the guest shell cannot be looked at: {error}")
    failures = failed(appliance)
    if failures > appliance.config.guest_failures:
        appliance.with_problem(f"the guest shell failed {failures} times within an hour; {appliance.problem}")
        return Event.GUEST_GAVE_UP
    if failures > 1:
        appliance.pause(min(2.0 ** (failures - 2), _LONGEST_PAUSE))
    try:
        _restart(appliance, failures)
    except HostError as error:
        appliance.with_problem(f"the guest shell cannot be started: {error}")
        machine.log.warning("guest.not_started", problem=error)
        return None
    appliance.agent_hangs = False
    return Event.REPAIRED


def _end(appliance: Appliance) -> None:
    """An operator wants it stopped; its failures are forgotten."""
    appliance.with_problem(DISABLED)
    try:
        appliance.lease.revoke()
        appliance.apply(appliance.runtime.stop(appliance.shell(), appliance.guest()))
        appliance.note("guest", failures=[])
    except HostError as error:
        appliance.machine.log.warning("guest.not_stopped", problem=error)


def _is_well(appliance: Appliance) -> bool:
    sight = appliance.guest()
    if appliance.agent_hangs or not sight.running or sight.instance != appliance.chronicle.instance:
        return False
    if appliance.config.guest_agent != "limpet" or appliance.lease.holder is not Holder.GUEST_SHELL:
        return True
    return not appliance.machine.fabric_lock.is_free()


def _restart(appliance: Appliance, failures: int) -> None:
    """A new instance; from the third failure on with a root file system as new, from the fourth on of an image that is whole."""
    appliance.lease.revoke()
    renew(appliance, failures)
    start_guest(appliance)
