"""What is to be told by telemetry of handovers: written into the exchange folder, for whichever agent has the fabric lease.

The supervisor never talks to the fabric. An event is dropped here when the agent says that it was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.guest.fabric_lease import EXCHANGE
from limpet.guest.stage_events import EVENTS, LARGEST, MOST, StageEvent, parse_events, render_events
from limpet.host.facts.reading import bytes_of
from limpet.model.errors import HostError, MalformedDocument

if TYPE_CHECKING:
    from limpet.appliance.machine import Machine
    from limpet.appliance.states import State

_FILE = EXCHANGE / EVENTS


@dataclass(frozen=True, kw_only=True, slots=True)
class Fall:
    """A handover that is being taken back. left: the state in which it was. before: the last accepted report, where one is known."""

    left: State
    reason: str | None
    before: float | None
    before_up: float | None = None


class Telling:
    """The events that no agent has sent yet. They are lost with a start of the machine; the journal has what they say.

    left: the state before this one. fall: a handover that was taken back, and not told of yet.
    """

    def __init__(self, machine: Machine) -> None:
        """Begin with what an earlier supervisor has left."""
        self._machine = machine
        self.left: State | None = None
        self.fall: Fall | None = None
        self.waiting: tuple[StageEvent, ...] = ()
        content = bytes_of(machine.files, _FILE, at_most=LARGEST)
        if content is not None:
            try:
                self.waiting = parse_events(content)
            except MalformedDocument as error:
                machine.log.warning("events.unusable", problem=error)

    def add(self, event: StageEvent) -> None:
        """Have it sent. What cannot be written is only logged."""
        self._put((*self.waiting, event)[-MOST:])

    def sent(self, number: int) -> None:
        """All up to this one were sent."""
        left = tuple(each for each in self.waiting if each.number > number)
        if left != self.waiting:
            self._put(left)

    def _put(self, events: tuple[StageEvent, ...]) -> None:
        self.waiting = events
        files = self._machine.files
        try:
            if not events:
                files.remove(_FILE)
                return
            files.make_folder(EXCHANGE)
            files.replace(_FILE, render_events(events), durable=False)
        except HostError as error:
            self._machine.log.warning("events.unwritable", problem=error)
