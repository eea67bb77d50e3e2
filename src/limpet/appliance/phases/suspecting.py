"""While STEADY: finds out why an agent is silent or in trouble, by a probe from where it is. Nothing is waited for.

A rule that drops without a word lets an agent wait for its own time limits, a minute and more. So its news are looked at: an agent tells
of each exchange that went well, and that it has not for a while costs nothing to see. Only then a process is started, which says
what does not answer (F2, F15).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.phases.probing import Silence, begin_probe, silence, where

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance
    from limpet.guest.agent_news import AgentNews
    from limpet.host.appliance_ports import Child

SILENT = 8.0
"""How long an agent may tell of nothing that went well before it is looked into, on a usual machine, seconds: it tells every six."""
TROUBLED = 0.5
"""How long it may tell of trouble with the fabric until then, seconds."""
LONGEST = 60.0
"""The same, for an agent that was seen to ask that seldom."""
_GUEST, _NETWORK_OS = 3.0, 2.0
"""How long the probes try, seconds."""
_OVERTIME = 5.0


class Suspicion:
    """One stay in STEADY."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self.heard = appliance.machine.clock.monotonic()
        """When the agent last told of something that went well, or this stay began; on the monotonic clock."""
        self._patience = SILENT
        self._due = self.heard + SILENT * appliance.slowness
        self._dismissed = False
        self._child: Child | None = None
        self._until = 0.0
        self._silent: Silence | None = None
        self._troubled: float | None = None
        self._rested = self.heard

    def is_well(self, now: float, news: AgentNews | None) -> bool:
        """Note what the agent says. Whether it has told of something that went well since the last look."""
        if news is None:
            return False
        if news.problem is not None:
            self._hurry(now)
            return False
        self._troubled = None
        told = (news.epoch, news.goal_state_at, news.last)
        if told[1:] == (None, None) or told == self._appliance.last_heard:
            return False
        if self._dismissed:  # all was well meanwhile: this one asks seldom
            self._patience = min(max(self._patience, 1.5 * (now - self.heard)), LONGEST)
        self._appliance.last_heard = told
        self.heard, self._dismissed = now, False
        self._due = now + self._patience * self._appliance.slowness
        self.end()
        return True

    def _hurry(self, now: float) -> None:
        """It says itself that something is wrong: that is looked into at once, but not again and again."""
        if self._troubled is None:
            self._troubled = now
            self._due = min(self._due, max(now + TROUBLED, self._rested))

    def look(self, now: float) -> str | None:
        """What does not answer the guest shell, once that is known. Raises: HostError."""
        appliance = self._appliance
        if self._child is None:
            if now >= self._due:
                self._begin(appliance.site().guest, _GUEST, now)
            return None
        done = self._child.ended()
        if done is None:
            if now > self._until:
                self._dismiss(now)
            return None
        self._child = None
        silent = _silent(done.stdout)
        if self._silent is not None:  # that was the network OS
            guests, self._silent = self._silent, None
            return self._found(guests, now, reached=silent is None)
        if silent is None:
            self._dismiss(now)
            return None
        network = appliance.site().network_os
        if not appliance.look().exists(network):
            return self._found(silent, now, reached=None)
        self._begin(network, _NETWORK_OS, now)
        self._silent = silent
        return None

    def _found(self, guests: Silence, now: float, *, reached: bool | None) -> str:
        self._due = now + LONGEST
        return f"{where(reached=reached, what=guests.what)} ({guests.problem})"

    def end(self) -> None:
        """Look no more."""
        if self._child is not None and self._child.ended() is None:
            self._child.kill()
        self._child = self._silent = None

    def _begin(self, network: str, timeout: float, now: float) -> None:
        self._until = now + timeout + _OVERTIME * self._appliance.slowness
        self._due = now + LONGEST  # also when it cannot be started
        self._rested = now + SILENT * self._appliance.slowness
        self._child = begin_probe(self._appliance, network, timeout)

    def _dismiss(self, now: float) -> None:
        """It is looked into again when the silence has lasted twice as long."""
        self.end()
        self._dismissed = self._troubled is None
        self._due = now + max(now - self.heard, SILENT)


def _silent(said: bytes) -> Silence | None:
    """What gave no answer at all, with why; None where something came from each: then the way is there."""
    try:
        return silence(said, unanswered=True)
    except ValueError:
        return None
