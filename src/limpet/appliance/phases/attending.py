"""Looks after whoever has the fabric lease while the appliance stands.

In STEADY that is the guest shell with its agent; in DEGRADED a status-only agent, which stands in and says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest import images
from limpet.appliance.guest.wanted import DISABLED, Wanted, wanted
from limpet.appliance.phases.gaps import note_gap
from limpet.appliance.phases.handing import put_in_place_again
from limpet.appliance.phases.suspecting import Suspicion
from limpet.appliance.states import Event, State
from limpet.guest.saying import NOT_READY
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance
    from limpet.guest.agent_news import AgentNews

AGENT_AWAY = 15.0
"""How long nobody may hold the fabric lock before the guest shell counts as down, on a usual machine: its own service manager
restarts it first."""
FABRIC_LOST = 30.0
"""How long the agent may have a problem with the fabric before rules and routes are looked at, seconds (F4 lasts 30); at once
where a probe finds that nothing answers (`Suspicion`)."""
FABRIC_LOST_LONGEST = 600.0
"""That time doubles while looking does not help."""
AGENT_STILL = 120.0
"""How long an agent that holds the lock may say nothing new: it polls every few seconds, and tells of it."""


class GuestWatch:
    """One stay in STEADY."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        now = appliance.machine.clock.monotonic()
        self._agent_seen = now
        self._suspicion = Suspicion(appliance)
        self._image_confirmed = False

    def look(self, now: float) -> Event | None:
        """Something that is to be done about it. Raises: HostError."""
        appliance = self._appliance
        note_gap(appliance)
        if wanted(appliance.machine.files) is Wanted.DISABLED:
            return self._down(DISABLED)
        sight = appliance.guest()
        if not sight.running:
            return self._down(f"the guest shell has ended: {sight.problem or 'no reason is known'}")
        if appliance.config.guest_agent != "limpet":
            return None
        return self._agent(now) or self._fabric(now, appliance.news())

    def _down(self, problem: str) -> Event:
        self._appliance.with_problem(problem)
        return Event.GUEST_DOWN

    def _agent(self, now: float) -> Event | None:
        """Whether it is there, and does anything."""
        appliance = self._appliance
        if not appliance.machine.fabric_lock.is_free():
            self._agent_seen = now
        elif now - self._agent_seen > AGENT_AWAY * appliance.slowness:
            return self._down("no agent runs in the guest shell")
        sign = appliance.sign_of_life()  # it writes the same again while the fabric fails
        if sign != appliance.last_sign[0] or self._agent_seen != now:
            appliance.last_sign = (sign, now)
        elif now - appliance.last_sign[1] > AGENT_STILL:
            appliance.agent_hangs = True
            return self._down(f"the agent in the guest shell has done nothing for {AGENT_STILL:g} s")
        return None

    def _fabric(self, now: float, news: AgentNews | None) -> Event | None:
        """Whether it reaches the fabric: by what it says, and by a look of our own when that is nothing good."""
        appliance = self._appliance
        self._note_ready(news)
        if self._suspicion.is_well(now, news):
            if news is not None:
                self._well(news)
            return None
        found = self._suspicion.look(now)
        if found is not None and not appliance.unreached:
            return self._lost(found)
        if (
            news is not None
            and news.problem is not None
            and now - self._suspicion.heard > _patience(appliance)
        ):
            return self._lost(f"the guest shell does not reach the fabric: {news.problem}")
        return None

    def _lost(self, problem: str) -> Event:
        self._appliance.unreached += 1
        self._appliance.with_problem(problem)
        return Event.FABRIC_LOST

    def end(self) -> None:
        """This stay is over."""
        self._suspicion.end()

    def _well(self, news: AgentNews) -> None:
        appliance = self._appliance
        appliance.unreached = 0
        if not self._image_confirmed and news.first is not None:
            self._confirm_image()
        if appliance.problem is not None and not appliance.revivals.bearing(
            appliance.machine.clock.monotonic()
        ):
            appliance.with_problem(None)

    def _confirm_image(self) -> None:
        """An image that was tried counts once an agent in it was heard by the fabric (A/B)."""
        step = images.confirm(
            self._appliance.machine.files, running=self._appliance.chronicle.image or "unknown"
        )
        if step is not None:
            self._appliance.do((step,))
            self._appliance.machine.log.info("guest.image_confirmed")
        self._image_confirmed = True

    def _note_ready(self, news: AgentNews | None) -> None:
        """What the fabric has heard and said is remembered: the next agent needs not say it again."""
        chronicle = self._appliance.chronicle
        if news is None or chronicle.vm_id is None:
            return
        container = news.container_id or chronicle.container_id
        if (news.ready and not chronicle.ready) or container != chronicle.container_id:
            self._appliance.note(
                "identity",
                vm_id=chronicle.vm_id,
                wire_server=chronicle.wire_server,
                ready=chronicle.ready or news.ready,
                container_id=container,
            )


class StandIn:
    """One stay in DEGRADED: a status-only agent says why there is no other, whatever ends it."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self._fabric_seen = appliance.machine.clock.monotonic()

    def stand_in(self, now: float) -> None:
        """Keep it running, and its way open. Raises: HostError."""
        appliance = self._appliance
        text = f"{State.DEGRADED.words}: {appliance.problem or 'no reason is known'}"
        if appliance.problem == DISABLED or wanted(appliance.machine.files) is Wanted.DISABLED:
            text = f"{DISABLED}; a status-only agent reports in its place"
        appliance.keep_status_agent(text, state=NOT_READY, network=appliance.site().guest)
        news = appliance.news()
        if news is not None and news.problem is None:
            self._fabric_seen, appliance.unreached = now, 0
        elif now - self._fabric_seen > _patience(appliance):
            self._fabric_seen = now
            appliance.unreached += 1
            self._mend()

    def _mend(self) -> None:
        """Put rules, addresses and routes in place again, whatever seems to be: the guest cannot be at fault (F2)."""
        appliance = self._appliance
        appliance.machine.log.warning("degraded.no_report", remedy="rules and routes are put in place again")
        try:
            put_in_place_again(appliance)
        except HostError as error:
            appliance.machine.log.warning("degraded.not_mended", problem=error)


def _patience(appliance: Appliance) -> float:
    return float(min(FABRIC_LOST * 2.0 ** min(appliance.unreached, 16), FABRIC_LOST_LONGEST))
