"""How often each service is asked, so that a change is seen soon and an idle VM asks little. Pure.

Two facts make it cheap. A host plugin that knows every goal state announces those of the wire server too, by a new
ETag; while that is seen to hold, only it is asked often. And changes come in bursts: a deployment that has begun
goes on. Decision: docs/decisions/0003-polling.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Self


class Ask(Enum):
    """Which services one poll asks; the wire server always first."""

    WIRE_SERVER = auto()
    HOST_PLUGIN = auto()
    BOTH = auto()


class Announcer(Enum):
    """Which service is seen to announce every change."""

    UNKNOWN = auto()
    HOST_PLUGIN = auto()
    WIRE_SERVER = auto()  # the host plugin has no vmSettings
    NEITHER = auto()  # the host plugin was seen to miss a change of the wire server


@dataclass(frozen=True, kw_only=True, slots=True)
class Cadence:
    """When the next poll is due and whom it asks. Times are seconds of a monotonic clock.

    period: the longest time that a change may stay unseen on either service (goal_state.period). Polls are
    `step` apart; without an announcer they alternate, so each service is asked every two steps.
    safety: how often the other service is asked although an announcer is known.
    """

    period: float = 6.0
    burst_period: float = 1.0
    burst: float = 30.0
    safety: float = 45.0
    announcer: Announcer = Announcer.UNKNOWN
    burst_until: float = 0.0
    last: Ask = Ask.BOTH
    wire_server_asked: float = 0.0

    @property
    def step(self) -> float:
        """Seconds between two polls of an idle VM."""
        return 0.46 * self.period

    def wait(self, now: float) -> float:
        """Seconds from one poll to the next."""
        return min(self.burst_period, self.step) if now < self.burst_until else self.step

    def ask(self, now: float) -> Ask:
        """Whom the poll that is made now asks."""
        if self.announcer is Announcer.WIRE_SERVER:
            return Ask.WIRE_SERVER
        if self.announcer is Announcer.HOST_PLUGIN:
            return Ask.BOTH if now - self.wire_server_asked >= self.safety else Ask.HOST_PLUGIN
        if now < self.burst_until:
            return Ask.BOTH
        return Ask.HOST_PLUGIN if self.last is not Ask.HOST_PLUGIN else Ask.WIRE_SERVER

    def asked(self, ask: Ask, now: float) -> Self:
        """After a poll that asked `ask`."""
        wire_server_asked = self.wire_server_asked if ask is Ask.HOST_PLUGIN else now
        return replace(self, last=ask, wire_server_asked=wire_server_asked)

    def changed(self, now: float) -> Self:
        """After a poll that brought something new: more is likely to follow soon."""
        return replace(self, burst_until=now + self.burst)

    def learned(self, announcer: Announcer) -> Self:
        """After an answer that tells who announces changes. A contradiction is remembered for good."""
        if self.announcer is Announcer.NEITHER and announcer is Announcer.HOST_PLUGIN:
            return self
        return replace(self, announcer=announcer)
