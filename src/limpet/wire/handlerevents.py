"""Events that handlers write for the telemetry pipeline. Source: extensions.md §7.2, wire-protocol.md §8.5."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from limpet.model.errors import MalformedDocument
from limpet.model.redact import redacted
from limpet.model.telemetry import HandlerEvent
from limpet.wire import jsondoc
from limpet.wire.eventparameters import event_time, log_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.model.telemetry import Event, Value

DOCUMENT = "handler event file"
MESSAGE_LIMIT = 3072
EVENT_LIMIT = 6144

MISSING = "MissingKeyError"
EMPTY = "EmptyMessageError"
OVERSIZE = "OversizeEventError"

_MEMBERS = {
    "version": "version",
    "timestamp": "timestamp",
    "taskname": "task_name",
    "eventlevel": "level",
    "message": "message",
    "eventpid": "pid",
    "eventtid": "tid",
    "operationid": "operation_id",
}
_MAY_BE_NUMBERS = frozenset({"eventpid", "eventtid"})


def parse_handler_events(body: bytes) -> tuple[tuple[HandlerEvent, ...], dict[str, int]]:
    """Read one event or an array of them.

    Gives the events, and how many were rejected for which reason, in the platform's words. SAS tokens are redacted.
    Raises: MalformedDocument, when the file as a whole cannot be read.
    """
    root = jsondoc.parse(body, DOCUMENT)
    if not isinstance(root, dict | list):
        raise MalformedDocument(DOCUMENT, "the document is neither an object nor an array")
    events: list[HandlerEvent] = []
    rejected: Counter[str] = Counter()
    for entry in root if isinstance(root, list) else [root]:
        found = _event(entry)
        if isinstance(found, HandlerEvent):
            events.append(found)
        else:
            rejected[found] += 1
    return tuple(events), dict(rejected)


def _event(entry: Any) -> HandlerEvent | str:
    """An event, or why it is rejected."""
    if not isinstance(entry, dict):
        return MISSING
    members = {name.lower(): value for name, value in entry.items()}
    texts: dict[str, str] = {}
    for name, field in _MEMBERS.items():
        value = members.get(name)
        if name in _MAY_BE_NUMBERS and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            return MISSING
        texts[field] = redacted(value.strip())
    texts["message"] = texts["message"][:MESSAGE_LIMIT]
    if not texts["message"]:
        return EMPTY
    if sum(map(len, texts.values())) > EVENT_LIMIT:
        return OVERSIZE
    return HandlerEvent(**texts)


def to_event(event: HandlerEvent, *, handler: str, modified: float, common: Mapping[str, Value]) -> Event:
    """Give the log record by which the platform gets a handler's event.

    modified: of the event's file, seconds since 1970. common: as for `operation_event`; its process, thread, task and time
    give way to the event's. The version is what the event says, too: its handler may be another by now, or gone.
    """
    return log_event(
        {
            "EventName": f"{handler}-{event.version}",
            "CapabilityUsed": event.level,
            "Context1": event.message,
            "Context2": event.timestamp,
            "Context3": event.operation_id,
        },
        {
            **common,
            "OpcodeName": event_time(modified),
            "EventTid": event.tid,
            "EventPid": event.pid,
            "TaskName": event.task_name,
        },
    )
