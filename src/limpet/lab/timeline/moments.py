"""Moments: what happened, who did it, and when, from several sources merged into one order."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOLD = 0.6
"""Seconds that a moment is kept back, so that an earlier one of a slower source can still go before it.

The journal tells its readers of new entries only every quarter of a second.
"""


class Who(Enum):
    """Who did it."""

    FABRIC = "fabric"
    VM = "VM"
    BOOT = "boot"
    AGENT = "agent"
    HANDLER = "handler"
    USER = "user"
    SUPERVISOR = "supervisor"
    GUEST = "guest shell"
    NETWORK_OS = "network OS"


class Tone(Enum):
    """How much it matters to a reader. QUIET: only programs are told."""

    QUIET = "quiet"
    PLAIN = "plain"
    NEWS = "news"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Something that happened.

    at: seconds since 1970. what: a verb with its objects, one line, nothing secret. kind, facts: the same for programs.
    """

    at: float
    who: Who
    what: str
    kind: str
    tone: Tone = Tone.PLAIN
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)


class Merger:
    """Gives the moments of several sources in the order of their time, although some arrive late.

    What arrives later than `hold` seconds after a younger one has been given is given at once, out of order:
    a live view cannot wait for ever.
    """

    def __init__(self, hold: float = HOLD) -> None:
        self._hold = hold
        self._kept: list[tuple[float, Moment]] = []

    def add(self, moment: Moment, arrived: float) -> None:
        """Take a moment in. arrived: on the clock of `due`."""
        self._kept.append((arrived, moment))

    def give_back(self, moments: Iterable[Moment]) -> None:
        """Take in again what was given too early: it is due."""
        self._kept += [(-inf, moment) for moment in moments]

    def due(self, now: float) -> list[Moment]:
        """The moments that have been held long enough, and every older one."""
        ripe = [moment.at for arrived, moment in self._kept if arrived + self._hold <= now]
        return self._taken(max(ripe)) if ripe else []

    def rest(self) -> list[Moment]:
        """All that is still held."""
        return self._taken(inf)

    def _taken(self, until: float) -> list[Moment]:
        given = [moment for _, moment in self._kept if moment.at <= until]
        self._kept = [entry for entry in self._kept if entry[1].at > until]
        return sorted(given, key=lambda moment: moment.at)


def milliseconds(moment: float, since: float | None) -> int | None:
    """From one time to another, rounded; None before it, or when there is no such time."""
    if since is None or moment < since:
        return None
    return round((moment - since) * 1000)
