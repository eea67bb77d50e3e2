"""The status gap: from the last status that was accepted before a change to the first one after it. Pure.

It is computed from the fabric's own record of status uploads; the appliance's document only says when something changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from limpet.emulator.dashboard.members import member

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GAPS_KEPT = 20
LONGEST_WAY = 10.0
"""Seconds that a document may be late; what it dates earlier was dated by another clock and is taken as of now."""

LATE = 2.0
"""Seconds between documents of somebody who looks again and again, at most."""

_HANDOVER = "handover to the guest shell"
_ON_LINUX = frozenset({"boot", "status-only"})
_HOLDERS = {
    "boot": "boot talks to the fabric",
    "status-only": "the status-only agent on Linux took over",
    "guest-shell": _HANDOVER,
    "nobody": "nobody holds the fabric lease",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Seconds since 1970. since: the last accepted status before; until: the first after, None while it is open.

    opened: when it was known that something changes. cause: in words.
    """

    since: float
    opened: float
    cause: str
    until: float | None = None

    @property
    def seconds(self) -> float | None:
        """How long it was; None while it is open."""
        return None if self.until is None else self.until - self.since


def interrupted(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    gaps: tuple[Gap, ...],
    reports: Sequence[float],
    *,
    last: float,
    now: float,
) -> tuple[float, str] | None:
    """When and why status may pause, if the step from one document to the next says so.

    reports: times of accepted statuses, oldest first. last: when the document before came.
    A document may be a second late, and the first status after a change may be there before it. So what the document dates
    itself goes first; and Linux takes over after a silence, so that change is where the longest one began.
    """
    begun = member(after, "handover", "before")
    if begun is not None and begun != member(before, "handover", "before") and _is_fresh(begun, now):
        return begun, _HANDOVER
    was, holder = (member(document, "fabricLease", "holder") for document in (before, after))
    if holder == was or was in {None, "boot"}:  # boot reports no status: after it nothing is missing
        return None
    linux = holder in _ON_LINUX
    if linux and was != "guest-shell" and member(after, "handover", "startedAt") is None:
        return None  # the first one that reports at all
    if not linux and begun is not None and gaps and gaps[-1].opened == begun:
        return None  # the gap of this handover is known already
    said = member(after, "fabricLease", "since")
    if said is not None and _is_fresh(said, now):
        at = said
    else:
        at = _silence(reports, last, now) if linux and now - last <= LATE else now
    return at, _HOLDERS.get(holder or "nobody", f"{holder} holds the fabric lease")


def _silence(reports: Sequence[float], last: float, now: float) -> float:
    """Where the longest silence begins that reaches into the time between two documents."""
    before = [at for at in reports if at <= last][-1:]
    ends = [*before, *(at for at in reports if last < at <= now), now]
    lengths = [(later - earlier, earlier) for earlier, later in pairwise(ends)]
    return max(lengths)[1] if lengths else now


def _is_fresh(at: float, now: float) -> bool:
    return 0 <= now - at <= LONGEST_WAY


def opened(gaps: tuple[Gap, ...], at: float, cause: str, reports: Sequence[float]) -> tuple[Gap, ...]:
    """`gaps` with one more. reports: times of accepted statuses, oldest first. Without one before `at` there is no gap.

    Changes between which nothing was accepted are one gap, under the latest cause; so is one that is heard of late, after the
    gap is over.
    """
    earlier = [time for time in reports if time <= at]
    if not earlier:
        return gaps
    until = next((time for time in reports if time > at), None)
    if gaps and (gaps[-1].until is None or gaps[-1].until > at):
        return (*gaps[:-1], replace(gaps[-1], cause=cause))
    return (*gaps, Gap(since=earlier[-1], opened=at, cause=cause, until=until))[-GAPS_KEPT:]


def accepted(gaps: tuple[Gap, ...], at: float) -> tuple[Gap, ...]:
    """`gaps` after a status was accepted: an open one is over."""
    if not gaps or gaps[-1].until is not None or at <= gaps[-1].opened:
        return gaps
    return (*gaps[:-1], replace(gaps[-1], until=at))
