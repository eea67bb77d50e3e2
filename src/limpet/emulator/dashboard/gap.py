"""The status gap: from the last status that was accepted before a change to the first one after it. Pure.

It is computed from the fabric's own record of status uploads; the appliance's document only says when something changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from limpet.emulator.dashboard.appliance import member

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GAPS_KEPT = 20
LONGEST_WAY = 10.0
"""Seconds that a document may be late; what it dates earlier was dated by another clock and is taken as of now."""

_HOLDERS = {
    "boot": "boot talks to the fabric",
    "status-only": "the status-only agent on Linux took over",
    "guest-shell": "handover to the guest shell",
    "nobody": "nobody holds the fabric lease",
}
_TROUBLE = {"repairing": "the network OS is being repaired", "degraded": "the guest shell keeps failing"}


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


def interrupted(before: Mapping[str, Any], after: Mapping[str, Any], now: float) -> tuple[float, str] | None:
    """When and why status may pause, if the step from one document to the next says so."""
    was, holder = (member(document, "fabricLease", "holder") for document in (before, after))
    if holder != was and (holder or was):
        said = member(after, "fabricLease", "since")
        at = said if said is not None and 0 <= now - said <= LONGEST_WAY else now
        return at, _HOLDERS.get(holder or "nobody", f"{holder} holds the fabric lease")
    stage = after.get("stage")
    if stage in _TROUBLE and before.get("stage") != stage:
        return now, _TROUBLE[stage]
    return None


def opened(gaps: tuple[Gap, ...], at: float, cause: str, reports: Sequence[float]) -> tuple[Gap, ...]:
    """`gaps` with one more. reports: times of accepted statuses, oldest first. Without one before `at` there is no gap.

    Changes between which nothing was accepted are one gap, under the latest cause.
    """
    earlier = [time for time in reports if time <= at]
    if not earlier:
        return gaps
    until = next((time for time in reports if time > at), None)
    if gaps and gaps[-1].until is None:
        return (*gaps[:-1], replace(gaps[-1], cause=cause, until=until))
    return (*gaps, Gap(since=earlier[-1], opened=at, cause=cause, until=until))[-GAPS_KEPT:]


def accepted(gaps: tuple[Gap, ...], at: float) -> tuple[Gap, ...]:
    """`gaps` after a status was accepted: an open one is over."""
    if not gaps or gaps[-1].until is not None or at <= gaps[-1].opened:
        return gaps
    return (*gaps[:-1], replace(gaps[-1], until=at))
