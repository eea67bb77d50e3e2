"""What stands in telemetry events, by name and in order. Source: wire-protocol.md §8.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.redact import redacted
from limpet.model.telemetry import AGENT_PROVIDER, GENERIC_LOGS_PROVIDER, Event
from limpet.wire.ticks import ticks_to_text, unix_to_ticks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from limpet.model.telemetry import Value

OPERATION_EVENT = 1
COUNTER_EVENT = 4
LOG_EVENT = 7

_OF_AN_OPERATION: Mapping[str, Value] = {
    "Name": "",
    "Version": "",
    "Operation": "",
    "OperationSuccess": False,
    "Message": "",
    "Duration": 0,
}
_OF_A_COUNTER: Mapping[str, Value] = {"Category": "", "Counter": "", "Instance": "", "Value": 0.0}
_OF_ITS_KIND: Mapping[str, Value] = {"ExtensionType": "", "IsInternal": False}
_OF_A_RECORD: Mapping[str, Value] = dict.fromkeys(
    ("EventName", "CapabilityUsed", "Context1", "Context2", "Context3"), ""
)
_OF_THE_MOMENT = ("GAVersion", "ContainerId", "OpcodeName", "EventTid", "EventPid", "TaskName")
_OF_THE_MACHINE = (
    "OSVersion",
    "ExecutionMode",
    "RAM",
    "Processors",
    "KeywordName",
    "TenantName",
    "RoleName",
    "RoleInstanceName",
    "Location",
    "SubscriptionId",
    "ResourceGroupName",
    "VMId",
    "ImageOrigin",
)
_NUMBERS = frozenset({"EventTid", "EventPid", "RAM", "Processors", "ImageOrigin"})


def operation_event(specific: Mapping[str, Value], common: Mapping[str, Value]) -> Event:
    """An event of an operation, the agent's or a handler's.

    specific: ``Name``, ``Version``, ``Operation``, ``OperationSuccess``, ``Message``, ``Duration`` (ms), and, if it is
    known, ``ExtensionType`` and ``IsInternal``; what is absent is empty. common: what every event has; what is absent is
    marked as not known yet. SAS tokens in the message are redacted.
    """
    own = _filled(_OF_AN_OPERATION, specific)
    own["Message"] = redacted(str(own["Message"]))
    return Event(
        provider=AGENT_PROVIDER,
        id=OPERATION_EVENT,
        parameters=(
            *own.items(),
            *_ordered(_OF_THE_MOMENT, common),
            *_filled(_OF_ITS_KIND, specific).items(),
            *_ordered(_OF_THE_MACHINE, common),
        ),
    )


def counter_event(specific: Mapping[str, Value], common: Mapping[str, Value]) -> Event:
    """A performance counter. specific: ``Category``, ``Counter``, ``Instance``, ``Value``; common: as for `operation_event`."""
    return Event(
        provider=AGENT_PROVIDER,
        id=COUNTER_EVENT,
        parameters=(
            *_filled(_OF_A_COUNTER, specific).items(),
            *_ordered(_OF_THE_MOMENT, common),
            *_ordered(_OF_THE_MACHINE, common),
        ),
    )


def log_event(specific: Mapping[str, Value], common: Mapping[str, Value]) -> Event:
    """A log record.

    specific: ``EventName``, ``CapabilityUsed``, ``Context1``, ``Context2``, ``Context3``; what is absent is empty.
    common: as for `operation_event`.
    """
    return Event(
        provider=GENERIC_LOGS_PROVIDER,
        id=LOG_EVENT,
        parameters=(
            *_filled(_OF_A_RECORD, specific).items(),
            *_ordered(_OF_THE_MOMENT, common),
            *_ordered(_OF_THE_MACHINE, common),
        ),
    )


def _filled(defaults: Mapping[str, Value], specific: Mapping[str, Value]) -> dict[str, Value]:
    return {name: specific.get(name, default) for name, default in defaults.items()}


def _ordered(names: tuple[str, ...], common: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    for name in names:
        yield name, common.get(name, 0 if name in _NUMBERS else f"{name}_UNINITIALIZED")


def event_time(seconds: float) -> str:
    """Seconds since 1970 as ``OpcodeName`` has them; a time outside the calendar is the year 0001."""
    return ticks_to_text(unix_to_ticks(seconds))
