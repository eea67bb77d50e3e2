"""Status files: what a handler says of one extension, and what the agent writes in its stead.

Source: extensions.md §6.1, §6.4, §6.7; wire-protocol.md §6.5.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from limpet.model.errors import MalformedDocument
from limpet.model.status import ExtensionState, ExtensionStatus, Message, Substatus
from limpet.wire import jsondoc
from limpet.wire.formattedmessage import parse_formatted_message, render_formatted_message
from limpet.wire.scalars import scalar_text, status_code
from limpet.wire.ticks import seconds_to_text

DOCUMENT = "status file"
LARGEST_UNCUT = 131072
"""Characters up to which a status file is reported whole. Source: extensions.md §6.4."""

MESSAGE_CUT = 1024
SUBSTATUS_CUT = 10240
TRUNCATED = " ... [TRUNCATED]"
_STATES = {state.value: state for state in ExtensionState}


def parse_status_file(body: bytes) -> ExtensionStatus:
    """Read a status file, cut where it is longer than is reported.

    An unknown top status is an error; an unknown status of a part makes the file malformed. ``[]`` and ``null`` are
    accepted and say nothing (status None). Raises: MalformedDocument.
    """
    root = jsondoc.parse(body, DOCUMENT)
    if root is None or root == []:
        return ExtensionStatus(status=None)
    if not isinstance(root, list) or not isinstance(root[0], dict):
        raise MalformedDocument(DOCUMENT, "the document is not an array that begins with an object")
    top = root[0].get("status")
    if not isinstance(top, dict):
        raise MalformedDocument(DOCUMENT, "[0].status is missing or not an object")
    status = _top(top)
    too_long = len(body) > LARGEST_UNCUT and len(body.decode("utf-8", "replace")) > LARGEST_UNCUT
    return _cut(status) if too_long else status


def _top(top: dict[str, Any]) -> ExtensionStatus:
    where = "[0].status"
    if "status" not in top:
        raise MalformedDocument(DOCUMENT, f"{where} has no 'status'")
    parts = top.get("substatus")
    if parts is not None and not isinstance(parts, list):
        raise MalformedDocument(DOCUMENT, f"{where}.substatus is not an array")
    applied = "configurationAppliedTime"
    return ExtensionStatus(
        status=_state(top["status"]) or ExtensionState.ERROR,
        code=status_code(top.get("code"), DOCUMENT, f"{where}.code"),
        operation=scalar_text(top.get("operation"), DOCUMENT, f"{where}.operation"),
        configuration_applied_time=scalar_text(top.get(applied), DOCUMENT, f"{where}.{applied}"),
        message=parse_formatted_message(top.get("formattedMessage"), DOCUMENT, where),
        substatus=tuple(
            _part(part, f"{where}.substatus[{index}]")
            for index, part in enumerate(parts or ())
            if part is not None
        ),
    )


def _part(part: Any, where: str) -> Substatus:
    if not isinstance(part, dict):
        raise MalformedDocument(DOCUMENT, f"{where} is not an object")
    state = _state(part.get("status"))
    if state is None:
        raise MalformedDocument(DOCUMENT, f"{where}.status is not one of {', '.join(_STATES)}")
    return Substatus(
        status=state,
        name=scalar_text(part.get("name"), DOCUMENT, f"{where}.name"),
        code=status_code(part.get("code"), DOCUMENT, f"{where}.code"),
        message=parse_formatted_message(part.get("formattedMessage"), DOCUMENT, where),
    )


def _state(word: Any) -> ExtensionState | None:
    return _STATES.get(word) if isinstance(word, str) else None


def _cut(status: ExtensionStatus) -> ExtensionStatus:
    """Shorten the texts, then leave out the parts from the first one that would take the total over the limit."""
    message = _cut_message(status.message, MESSAGE_CUT)
    total = _length(message)
    kept = []
    for part in status.substatus:
        name = None if part.name is None else _cut_text(part.name, SUBSTATUS_CUT)
        shorter = replace(part, name=name, message=_cut_message(part.message, SUBSTATUS_CUT))
        total += len(name or "") + _length(shorter.message)
        if total > LARGEST_UNCUT:
            break
        kept.append(shorter)
    return replace(status, message=message, substatus=tuple(kept))


def _cut_message(message: Message | None, limit: int) -> Message | None:
    return None if message is None else replace(message, message=_cut_text(message.message, limit))


def _cut_text(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + TRUNCATED


def _length(message: Message | None) -> int:
    return 0 if message is None else len(message.message)


def render_status_file(status: ExtensionStatus, *, name: str, timestamp: float) -> bytes:
    """Give a status file the way handlers write it; ``[]`` for a status that says nothing.

    name: informative. timestamp: seconds since 1970. SAS tokens in messages are redacted.
    """
    if status.status is None:
        return b"[]"
    when = seconds_to_text(timestamp)
    inner = {"name": name, **render_extension_status(status)}
    return json.dumps([{"version": 1.0, "timestampUTC": when, "status": inner}]).encode("ascii")


def render_placeholder(
    *, name: str, operation: str, status: ExtensionState, code: int, message: str, timestamp: float
) -> bytes:
    """Give the status file that the agent writes when a handler cannot.

    name: the handler's, or ``<handler>.<extension>`` with multi-config. Source: extensions.md §6.7.
    """
    told = ExtensionStatus(status=status, code=code, operation=operation, message=Message(message=message))
    return render_status_file(told, name=name, timestamp=timestamp)


def render_extension_status(status: ExtensionStatus) -> dict[str, Any]:
    """Give the members of a status but its name, as status files and the status blob have them."""
    members: dict[str, Any] = {
        "configurationAppliedTime": status.configuration_applied_time,
        "operation": status.operation,
        "status": None if status.status is None else status.status.value,
        "code": status.code,
    }
    if status.message is not None:
        members["formattedMessage"] = render_formatted_message(status.message)
    if status.substatus:
        members["substatus"] = [_render_part(part) for part in status.substatus]
    return members


def _render_part(part: Substatus) -> dict[str, Any]:
    members: dict[str, Any] = {"name": part.name, "status": part.status.value, "code": part.code}
    if part.message is not None:
        members["formattedMessage"] = render_formatted_message(part.message)
    return members
