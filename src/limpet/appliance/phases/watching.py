"""STEADY and DEGRADED: looks twice a second at all that may go wrong, and starts no process while nothing does.

What it finds becomes the event that leads to a repair, or to the NICs' return.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest.storage import GROWTH, relief, room_of, unfit
from limpet.appliance.guest.wanted import DISABLED, Wanted, wanted
from limpet.appliance.inventory import nics_of
from limpet.appliance.networkos.contract import Health
from limpet.appliance.networkos.rule_watch import RuleWatch
from limpet.appliance.phases.attending import GuestWatch, StandIn
from limpet.appliance.phases.booting import note_nics
from limpet.appliance.phases.continuing import Leases
from limpet.appliance.phases.employing import Jobs
from limpet.appliance.states import Event
from limpet.guest.namespaces import HOST
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance
    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Site

LOOK_EVERY = 0.5
DEEP_EVERY = 30.0
LASTING = 600.0
"""How long a handover must have been well until those that failed before it are forgotten, seconds."""
LINKS_EVERY = 0.5
"""How often the NICs are looked at while the kernel tells of changes: a storm of them starts no storm of processes."""
BLIND = 30
"""How many looks in a row may fail."""
RETRY_DEGRADED = 600.0


class Watch:
    """One stay in STEADY or DEGRADED."""

    def __init__(self, appliance: Appliance, *, degraded: bool) -> None:
        self._appliance = appliance
        self._degraded = degraded
        now = appliance.machine.clock.monotonic()
        self._deep = now + DEEP_EVERY
        self._until = now + RETRY_DEGRADED
        self._leases = Leases(appliance)
        self._jobs = Jobs(appliance)
        self._rules = RuleWatch()
        self._began = now
        self._links_due = now
        self._links_changed = False
        self._gone: set[str] = set()
        self._blind = 0
        self._unfit: str | None = None
        self._may_grow = True
        self._holder = StandIn(appliance) if degraded else GuestWatch(appliance)
        appliance.wishes.discard("guest")
        if not degraded:
            appliance.wishes.discard("retry")  # there is nothing to be tried again

    def watch(self) -> Event:
        """Until something is to be done. Raises: Stopped."""
        appliance = self._appliance
        happened = {"link"}  # what came before this stay
        while True:
            try:
                event = self._noticed(happened)
                self._blind = 0
            except HostError as error:
                event = self._not_seen(error)
            if event is not None:
                self._leases.end()
                if isinstance(self._holder, GuestWatch):
                    self._holder.end()
                return event
            happened = appliance.pause(LOOK_EVERY)

    def _not_seen(self, error: HostError) -> Event | None:
        """What cannot be looked at for a while is not well."""
        appliance = self._appliance
        if self._blind == 0:
            appliance.machine.log.warning("watch.failed", problem=error)
        self._blind += 1
        if self._degraded or self._blind < BLIND:
            return None
        appliance.with_problem(f"it cannot be seen how the appliance is: {error}")
        return Event.GUEST_DOWN

    def _noticed(self, happened: set[str]) -> Event | None:
        appliance = self._appliance
        now = appliance.machine.clock.monotonic()
        if isinstance(self._holder, StandIn):
            self._holder.stand_in(now)
        deep = now >= self._deep
        if deep:
            self._deep = now + DEEP_EVERY
        self._links_changed = self._links_changed or "link" in happened or deep
        if self._links_changed and now >= self._links_due:
            self._links_changed, self._links_due = False, now + LINKS_EVERY
            event = self._links()
            if event is not None:
                return event
        event = self._network_os(deep=deep)
        if event is not None:
            return event
        self._leases.step()
        if deep:
            self._relieve()
        self._last(now)
        if isinstance(self._holder, StandIn):
            enabled = "guest" in appliance.wishes and wanted(appliance.machine.files) is Wanted.ENABLED
            appliance.wishes.discard("guest")
            return Event.RETRY if enabled or now >= self._until or "retry" in appliance.wishes else None
        self._jobs.step()
        return self._holder.look(now)

    def _relieve(self) -> None:
        """Keep room in the guest shell's volume, so that it can report also when it has filled it (F7)."""
        appliance = self._appliance
        plan = appliance.shell()
        room = room_of(plan, appliance.machine.files)
        tasks = relief(appliance.runtime, plan, appliance.guest(), room, grow=self._may_grow)
        if room.full:
            appliance.machine.log.warning("guest.full", free=room.free)
        problem = unfit(plan, appliance.guest())
        if problem is not None and problem != self._unfit:
            appliance.machine.log.warning("guest.volume", problem=problem)
        self._unfit = problem
        outcomes = appliance.apply(tasks)
        self._may_grow = not any(each.failed and each.task.name.endswith(GROWTH) for each in outcomes)

    def _links(self) -> Event | None:
        """NICs that are back in Linux (F5), that are new there (F12), or a virtual function that stayed behind (F3)."""
        appliance = self._appliance
        seen = appliance.look()
        site = appliance.site()
        known = {nic.mac: nic for nic in site.nics}
        with_linux = [
            link for link in seen.links(HOST) if link.mac in known and not appliance.is_left(link.mac)
        ]
        back = [link for link in with_linux if not link.vf and link.mac in appliance.chronicle.moved]
        if any(not _is_twin(seen, link.mac) for link in back):
            appliance.with_problem(f"{', '.join(link.name for link in back)} came back to Linux by itself")
            return Event.NICS_BACK
        if self._degraded:
            return None  # when the guest shell is well again, there is time for what is new
        if with_linux:
            return Event.NIC_ADDED
        self._forget_gone(seen, site)
        site = appliance.site()
        new = [nic for nic in nics_of(seen, appliance.config, None) if nic.mac not in known]
        if not new:
            return None
        added = [
            type(nic)(name=nic.name, mac=nic.mac, primary=False, device=nic.device, vf=nic.vf) for nic in new
        ]
        others = [nic for nic in site.nics if not nic.primary]
        note_nics(appliance, [*others, *added, site.primary])
        return Event.NIC_ADDED

    def _forget_gone(self, seen: Seen, site: Site) -> None:
        """Take NICs off the inventory that the platform has taken out: seen twice nowhere, where they could be seen."""
        missing = {
            nic.mac
            for nic in site.nics
            if not nic.primary and seen.exists(site.network_os) and not any(seen.of_mac(nic.mac))
        }
        gone, self._gone = missing & self._gone, missing
        if gone:
            self._appliance.machine.log.info("nics.gone", macs=", ".join(sorted(gone)))
            note_nics(self._appliance, [nic for nic in site.nics if nic.mac not in gone])

    def _last(self, now: float) -> None:
        """Failed handovers are forgotten after one that lasts."""
        appliance = self._appliance
        if now - self._began > LASTING and not self._degraded and appliance.chronicle.handover.attempts:
            appliance.note("handover", attempts=0)

    def _network_os(self, *, deep: bool) -> Event | None:
        appliance = self._appliance
        pulse = appliance.pulse(deep=deep)
        if pulse.health is Health.HEALTHY:
            if deep:
                appliance.revivals.well()
                self._keep_rules()
            return None
        appliance.with_problem(f"the network OS: {pulse.problem or pulse.health.value}")
        now = appliance.machine.clock.monotonic()
        if pulse.health is Health.WOUNDED and appliance.revivals.bears(now, pulse.cause):
            if deep:
                self._keep_rules()
            return None
        return Event.NETWORK_OS_GONE if pulse.health is Health.GONE else Event.NETWORK_OS_DOWN

    def _keep_rules(self) -> None:
        """Load the owned rules again where somebody has changed them (R8). Raises: HostError."""
        appliance, commands = self._appliance, self._appliance.machine.commands
        protecting = appliance.network_os.protect(appliance.site())
        if self._rules.lost(protecting, commands):
            appliance.do(protecting)
            self._rules.loaded(protecting, commands)


def _is_twin(seen: Seen, mac: str) -> bool:
    """Whether another link of that MAC is with the network OS: what is in Linux is its other half."""
    return any(place != HOST for place, _ in seen.of_mac(mac))


def watch(appliance: Appliance) -> Event:
    """STEADY."""
    return Watch(appliance, degraded=False).watch()


def watch_degraded(appliance: Appliance) -> Event:
    """DEGRADED: a status-only agent stands in the guest's place. Raises: Stopped."""
    event = Watch(appliance, degraded=True).watch()
    if event is Event.RETRY:  # one more try, or all of them when an operator says so
        if appliance.problem == DISABLED:
            appliance.with_problem(None)
        tries = 0 if appliance.wishes else appliance.config.guest_failures - 1
        appliance.note("guest", failures=list(appliance.chronicle.failures[-tries:]) if tries else [])
    appliance.wishes.discard("retry")
    try:
        appliance.end_status_agent()
    except HostError as error:
        appliance.machine.log.warning("degraded.lease_held", problem=error)
    return event
