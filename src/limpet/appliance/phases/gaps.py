"""Measures the status gap, of a handover and of one that was taken back: noted in the journal, and told by telemetry (§8.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.states import State
from limpet.appliance.telling import Fall
from limpet.guest.stage_events import HANDOVER, ROLL_BACK, StageEvent

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance
    from limpet.guest.agent_news import AgentNews


def note_gap(appliance: Appliance) -> None:
    """Note how long no report was accepted, once it is known."""
    handover = appliance.chronicle.handover
    news = appliance.news()
    if handover.gap is None and handover.before is not None and news is not None and news.first is not None:
        gap = _between(handover.before, news.first, handover.before_up, news.first_up)
        appliance.note("handover", gap=gap)
        appliance.machine.log.info("handover.gap", seconds=round(gap, 3))
        _tell(appliance, HANDOVER, State.HANDING_OVER, State.STEADY, gap)


def fell(appliance: Appliance, last: AgentNews | None) -> None:
    """It is being taken back. last: the news of who had the fabric lease."""
    handover = appliance.chronicle.handover
    before, before_up = handover.before, handover.before_up
    if last is not None and last.last is not None:
        before, before_up = last.last, last.last_up
    appliance.telling.fall = Fall(
        left=appliance.telling.left or State.HANDING_OVER,
        reason=appliance.problem,
        before=before,
        before_up=before_up,
    )


def note_fall(appliance: Appliance, *, over: bool = False) -> None:
    """Have it told once Linux reports again. over: also when it does not: there is another handover."""
    fall, news = appliance.telling.fall, appliance.news()
    first = None if news is None else news.first
    if fall is None or (first is None and not over):
        return
    appliance.telling.fall = None
    gap = None
    if news is not None and first is not None and fall.before is not None:
        gap = _between(fall.before, first, fall.before_up, news.first_up)
    appliance.machine.log.info("rollback.gap", seconds=None if gap is None else round(gap, 3))
    _tell(appliance, ROLL_BACK, fall.left, State.RESCUE, gap, fall.reason)


def _between(before: float, first: float, before_up: float | None, first_up: float | None) -> float:
    """Seconds between two reports: by the monotonic clock where both are known by it, for the other one may be set meanwhile."""
    if before_up is not None and first_up is not None:
        return max(0.0, first_up - before_up)
    return max(0.0, first - before)


def _tell(
    appliance: Appliance,
    operation: str,
    left: State,
    entered: State,
    gap: float | None,
    reason: str | None = None,
) -> None:
    waiting = appliance.telling.waiting
    appliance.telling.add(
        StageEvent(
            number=max(appliance.journal.records[-1].number, waiting[-1].number + 1 if waiting else 0),
            at=appliance.machine.clock.now(),
            operation=operation,
            left=left.value,
            entered=entered.value,
            driver=appliance.network_os.name,
            nics=len(appliance.chronicle.nics),
            attempts=appliance.chronicle.handover.attempts,
            gap=gap,
            reason=reason,
        )
    )
