"""What happens on the fabric, as lines for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from limpet.emulator.text import plain, size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.emulator.events import Event

_NAME_WIDTH = 12
BY_TARGET = frozenset({"blob-download", "blob-upload", "unknown"})
"""Endpoints whose name does not say what was asked for."""
DHCP = "dhcp"
_DHCP_WORDS = {2: "offer", 5: "ack", 6: "nak"}


def line(event: Event) -> str:
    """One event as one line: when, which VM, and what."""
    time = datetime.fromtimestamp(event.at, UTC).strftime("%H:%M:%S.%f")[:-3]
    tell = _TELLERS.get(event.kind, _anything)
    words = tell(event.data) if event.kind in _TELLERS else f"{event.kind} {_anything(event.data)}"
    return plain(f"{time}  {event.vm or '-':<{_NAME_WIDTH}} {words}").rstrip()


def outcome(data: Mapping[str, Any]) -> str:
    """How a request was answered: a status, or DHCP's own word."""
    status = data["status"]
    if status is None:
        return "---"
    return _DHCP_WORDS.get(status, str(status)) if data["service"] == DHCP else str(status)


def _request(data: dict[str, Any]) -> str:
    status = outcome(data)
    words = (
        f"{data['method']:<4} {data['endpoint']:<26} {status} {data['seconds'] * 1000:7.1f} ms "
        f"{size(data['replySize']):>9}"
    )
    if data["endpoint"] in BY_TARGET or data["service"] == DHCP:
        words += f"  {data['target'].split('?')[0][:120]}"
    if data["fault"]:
        words += f"  fault: {data['fault']}"
    return words + "".join(f"  note: {remark}" for remark in data["remarks"])


def _status(data: dict[str, Any]) -> str:
    head = f"status {data['serial']} by {data['channel']}, {data['blobType']}, {size(data['size'])}"
    if data.get("problem"):
        return f"{head}: cannot be read: {data['problem']}"
    handlers = [
        f"{entry['name']} {entry['version']} {entry['status']}"
        + (f" {entry['extension']}" if entry["extension"] else "")
        + (f" #{entry['sequenceNumber']} {entry['extensionStatus']}" if entry["extensionStatus"] else "")
        for entry in data.get("handlers", [])
    ]
    return f"{head}: {', '.join(handlers) or 'no handlers'}"


def _goal_state(data: dict[str, Any]) -> str:
    handlers = [
        f"{handler['name']} {handler['version']} {handler['state']}"
        + "".join(f" #{extension['sequenceNumber']}" for extension in handler["extensions"])
        for handler in data["handlers"]
    ]
    hold = ", on hold" if data["onHold"] else ""
    head = f"goal state by {data['source']}: incarnation {data['incarnation']}, etag {data['etag']}{hold}"
    return f"{head}: {', '.join(handlers) or 'no handlers'}"


def _health(data: dict[str, Any]) -> str:
    words = data["state"] + (f"/{data['subStatus']}" if data["subStatus"] else "")
    said = f": {data['description']}" if data["description"] else ""
    return f"health {words}{said}" + (f"  by {data['agent']}, {data['form']}" if data.get("agent") else "")


def _host_name(data: dict[str, Any]) -> str:
    return f"host name {data['hostName']} is in the platform's DNS"


def _role_properties(data: dict[str, Any]) -> str:
    return f"role properties: {_anything(data)}"


def _appliance(data: dict[str, Any]) -> str:
    return f"appliance {data['stage'] or 'at no stage'}" + "".join(f"; {words}" for words in data["happened"])


def _anything(data: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in data.items())


_TELLERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "request": _request,
    "status": _status,
    "goal-state": _goal_state,
    "health": _health,
    "host-name": _host_name,
    "role-properties": _role_properties,
    "appliance": _appliance,
}
