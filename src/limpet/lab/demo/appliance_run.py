"""A run of an appliance's story: what the fabric and the appliance's journal tell, in order, and what is waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limpet.lab.appliance.picture import GUEST_SHELL, NOBODY, OWNERS, Storyteller
from limpet.lab.appliance.words import STATUS, Accepted, ApplianceWords
from limpet.lab.clock import now, seconds
from limpet.lab.demo.run import NotReached, Run
from limpet.lab.timeline import boot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.lab.demo.appliance_show import ApplianceShow
    from limpet.lab.timeline.moments import Moment

WORDS = {
    "off": "it starts",
    "booting": "boot provisions the VM",
    "preparing": "network OS and guest shell are prepared; Linux has the NICs",
    "handing-over": "the NICs go to the network OS",
    "confirming": "the guest shell looks for the fabric",
    "steady": "the guest shell talks to the fabric through the network OS",
    "repairing": "network OS or guest shell is being restarted",
    "degraded": "the guest shell keeps failing",
    "rolling-back": "the NICs return to Linux",
    "rescue": "Linux has the NICs and says why; it is tried again",
}
"""The stages, for who looks on."""
HOLD = 0.12
"""Seconds that a moment is kept back: both sources are as quick as that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """The supervisor enters a stage, after `since` (seconds since 1970)."""

    stage: str
    since: float = 0.0

    def reached_by(self, moment: Moment) -> bool:
        """Whether it is this one."""
        facts = moment.facts
        new = moment.at >= self.since and moment.kind == OWNERS and facts["newStage"]
        return bool(new and facts["stage"] == self.stage)

    def __str__(self) -> str:
        return f"the appliance to be {self.stage}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """The fabric accepts a status after `since` (seconds since 1970). sender: as `Accepted.name`; state: such as ``NotReady``."""

    sender: str
    since: float
    state: str = "Ready"

    def reached_by(self, moment: Moment) -> bool:
        """Whether it is such a one."""
        facts = moment.facts
        return (
            moment.kind == STATUS
            and moment.at > self.since
            and (facts.get("sender"), facts.get("state")) == (self.sender, self.state)
        )

    def __str__(self) -> str:
        return f"a status of {self.sender} that says {self.state}"


class ApplianceRun(Run):
    """The `take` methods may be called on any thread."""

    show: ApplianceShow

    def __init__(
        self, show: ApplianceShow, *, vm: str, nics: tuple[str, ...] = (), hold: float = HOLD
    ) -> None:
        """nics: their names, the primary one first."""
        super().__init__(show, vm=vm, unit="", hold=hold)
        self.show = show
        self._fabric = ApplianceWords(vm)
        self._journal = Storyteller(nics)
        self._changed = 0.0

    @property
    def accepted(self) -> tuple[Accepted, ...]:
        """The statuses that the fabric has accepted, oldest first: its own record."""
        return self._fabric.accepted

    def take_event(self, event: Mapping[str, Any]) -> None:
        """An event of the fabric."""
        self.take(self._fabric.moment(event))

    def take_record(self, record: Mapping[str, Any]) -> None:
        """A record of the supervisor's journal."""
        if record["kind"] == "grant":
            self._changed = float(record["at"])
        self.take(self._journal.moment(record))

    def follow(self, last: Callable[[Moment], bool] = lambda _moment: False) -> list[Moment]:
        """As a run does; what moves on a terminal is moved."""
        found = super().follow(last)
        picture = self._journal.picture
        self.show.pulse(WORDS.get(picture.stage, picture.stage), self._gap())
        return found

    def _gap(self) -> float | None:
        """Seconds since the last status, while somebody else is to report and has not."""
        accepted, holder = self.accepted, self._journal.picture.holder
        if not accepted or holder not in {NOBODY, GUEST_SHELL} or accepted[-1].at > self._changed:
            return None
        return now() - accepted[-1].at

    def until_all(self, *goals: Reached | Reported | Any, limit: float) -> list[Moment]:
        """Follow until each goal was reached, in whatever order; gives the moments. Raises: NotReached."""
        missing = list(goals)
        found: dict[int, Moment] = {}
        end = seconds() + limit
        while missing and seconds() < end:
            for moment in self.follow(lambda each: _completes(each, missing)):
                for goal in [goal for goal in missing if goal.reached_by(moment)]:
                    missing.remove(goal)
                    found[goals.index(goal)] = moment
                if moment.kind == boot.FAILED:
                    raise NotReached("The VM was not provisioned.")
        if missing:
            self._told(self._merger.rest())
            raise NotReached(f"Waited {limit:g} s in vain for {' and '.join(map(str, missing))}.")
        return [found[index] for index in range(len(goals))]


def _completes(moment: Moment, missing: list[Any]) -> bool:
    return len(missing) == 1 and bool(missing[0].reached_by(moment))
