"""While STEADY: an agent that is silent, or has trouble, is looked into by a probe from where it is. Nothing is waited for.

A rule that drops without a word lets an agent wait for its own time limits, a minute and more. It tells of each exchange that went
well; that it has not done so for a while costs nothing to see. Only then a process is started, and says what does not answer (F2, F15).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from limpet.appliance.phases.probing import begin_probe

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance
    from limpet.guest.agent_news import AgentNews
    from limpet.host.appliance_ports import Child

SILENT = 8.0
"""How long an agent may tell of nothing that went well before it is looked into, on a usual machine, seconds: it tells every six."""
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
        self._problem: str | None = None

    def is_well(self, now: float, news: AgentNews | None) -> bool:
        """Note what the agent says. Whether it has told of something that went well since the last look."""
        if news is None or news.problem is not None:
            return False
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
        if self._problem is not None:  # that was the network OS
            problem, self._problem = self._problem, None
            self._due = now + LONGEST
            return f"{where(reached=not silent)} ({problem})"
        if not silent:
            self._dismiss(now)
            return None
        network = appliance.site().network_os
        if not appliance.look().exists(network):
            self._due = now + LONGEST
            return f"{where(reached=None)} ({silent})"
        self._begin(network, _NETWORK_OS, now)
        self._problem = silent
        return None

    def end(self) -> None:
        """Look no more."""
        if self._child is not None and self._child.ended() is None:
            self._child.kill()
        self._child = self._problem = None

    def _begin(self, network: str, timeout: float, now: float) -> None:
        self._until = now + timeout + _OVERTIME * self._appliance.slowness
        self._due = now + LONGEST  # also when it cannot be started
        self._child = begin_probe(self._appliance, network, timeout)

    def _dismiss(self, now: float) -> None:
        """It is looked into again when the silence has lasted twice as long."""
        self.end()
        self._dismissed = True
        self._due = now + max(now - self.heard, SILENT)


def where(*, reached: bool | None) -> str:
    """Words for where the way to the fabric is shut, when the guest shell does not reach it.

    reached: by the network OS; None where it has no namespace to look from, as vendors' data planes.
    """
    if reached is None:
        return "the guest shell does not reach the fabric"
    if reached:
        return "the network OS reaches the fabric, the guest shell behind it does not"
    return "the network OS does not reach the fabric either"


def _silent(said: bytes) -> str:
    """What gave no answer at all, with why; empty where something came from each: then the way is there."""
    try:
        found = json.loads(said)
        problems = [
            f"{target['target']}: {target['problem']}"
            for target in found["targets"]
            if target.get("problem") and target.get("status") is None
        ]
    except (ValueError, KeyError, TypeError):
        return ""
    return "; ".join(problems)[:1000]
