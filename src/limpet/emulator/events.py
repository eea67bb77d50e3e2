"""What happened on the fabric, in order, for those who watch it live."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from limpet.emulator.world.ring import Ring

CAPACITY = 5000
LONGEST_TEXT = 4096
MOST_ITEMS = 128
"""Of one happening: what VMs sent is told, not kept, here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One happening. id grows by one; at: seconds since 1970; data: JSON, already redacted."""

    id: int
    at: float
    kind: str
    vm: str | None
    data: dict[str, Any] = field(hash=False)

    def as_json(self) -> dict[str, Any]:
        """The event as it is sent."""
        return {"id": self.id, "at": self.at, "kind": self.kind, "vm": self.vm, "data": self.data}


@dataclass(frozen=True, kw_only=True, slots=True)
class EventLog:
    """The latest events."""

    ring: Ring[Event] = field(default_factory=lambda: Ring(capacity=CAPACITY))

    def add(self, at: float, kind: str, vm: str | None, data: dict[str, Any]) -> EventLog:
        """Append an event under the next id."""
        event = Event(id=self.ring.seen + 1, at=at, kind=kind, vm=vm, data=_bounded(data))
        return replace(self, ring=self.ring.append(event))

    def after(self, last: int) -> tuple[Event, ...]:
        """Every event that is still known with an id above `last`, oldest first."""
        items = self.ring.items
        return items[max(0, last - self.ring.dropped) :]


def _bounded(value: Any) -> Any:
    """`value` with its texts cut, and the first of its many parts."""
    match value:
        case str():
            return value if len(value) <= LONGEST_TEXT else value[: LONGEST_TEXT - 1] + "…"
        case dict():
            return {_bounded(name): _bounded(item) for name, item in islice(value.items(), MOST_ITEMS)}
        case list() | tuple():
            return [_bounded(item) for item in value[:MOST_ITEMS]]
        case _:
            return value
