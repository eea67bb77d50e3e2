"""Events of a handover that the supervisor wants told by telemetry: that it went well, or was taken back.

The supervisor never talks to the fabric. It leaves them in a file of the exchange folder for the agent (`limpet.agent.handed`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limpet.guest.records import members_of, word
from limpet.model.errors import MalformedDocument
from limpet.model.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

EVENTS = "events.json"
"""In the exchange folder (limpet.guest.fabric_lease)."""
VERSION = 1
LARGEST = 64 * 1024
MOST = 8
"""How many wait at most: the oldest are dropped."""
HANDOVER, ROLL_BACK = "Handover", "RollBack"
_MOST_REASON = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class StageEvent:
    """number: grows from one to the next. at: seconds since 1970. left, entered: stages, as `limpet show` names them.

    gap: seconds without an accepted report; None where there was none. driver: the network OS's. nics: how many.
    attempts: handovers begun since the last one that was confirmed. reason: why it was taken back.
    """

    number: int
    at: float
    operation: str
    left: str
    entered: str
    driver: str
    nics: int
    attempts: int = 0
    gap: float | None = None
    reason: str | None = None

    def message(self) -> str:
        """As telemetry has it: JSON on one line, which people read and programs too."""
        members: dict[str, Any] = {
            "from": self.left,
            "to": self.entered,
            "networkOs": self.driver,
            "nics": self.nics,
            "attempts": self.attempts,
            "gap": None if self.gap is None else round(self.gap, 3),
        }
        return json.dumps(members if self.reason is None else {**members, "reason": self.reason})


def render_events(events: Iterable[StageEvent]) -> bytes:
    """The file `parse_events` reads."""
    rows = [
        {
            "number": each.number,
            "at": each.at,
            "operation": each.operation,
            "from": each.left,
            "to": each.entered,
            "networkOs": each.driver,
            "nics": each.nics,
            "attempts": each.attempts,
            "gap": each.gap,
            "reason": None if each.reason is None else _line(each.reason),
        }
        for each in events
    ]
    return (json.dumps({"version": VERSION, "events": rows[-MOST:]}) + "\n").encode("ascii")


def parse_events(content: bytes) -> tuple[StageEvent, ...]:
    """Read the file. Raises: MalformedDocument, whatever is wrong with it."""
    found = members_of(content, EVENTS, version=VERSION, at_most=LARGEST)
    rows = found.get("events")
    if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
        raise MalformedDocument(EVENTS, "events are missing, or no objects")
    return tuple(_event(each) for each in rows)


def _event(row: dict[str, Any]) -> StageEvent:
    reason = row.get("reason")
    if not isinstance(reason, str | None):
        raise MalformedDocument(EVENTS, "reason is no text")
    return StageEvent(
        number=int(_number(row, "number")),
        at=_number(row, "at"),
        operation=word(row, "operation", EVENTS),
        left=word(row, "from", EVENTS),
        entered=word(row, "to", EVENTS),
        driver=word(row, "networkOs", EVENTS),
        nics=int(_number(row, "nics")),
        attempts=int(_number(row, "attempts")),
        gap=None if row.get("gap") is None else _number(row, "gap"),
        reason=None if reason is None else _line(reason),
    )


def _line(text: str) -> str:
    return printable(text)[:_MOST_REASON].strip()


def _number(row: dict[str, Any], name: str) -> float:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise MalformedDocument(EVENTS, f"{name} is no number")
    return value
