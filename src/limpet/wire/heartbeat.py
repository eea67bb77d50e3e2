"""``heartbeat.log``: the sign of life of a handler that promised one. Source: extensions.md §6.5."""

from __future__ import annotations

import json
from typing import Any

from limpet.model.errors import MalformedDocument
from limpet.model.status import Heartbeat
from limpet.wire import jsondoc
from limpet.wire.formattedmessage import parse_formatted_message, render_formatted_message
from limpet.wire.scalars import status_code

DOCUMENT = "heartbeat file"
_WHERE = "[0].heartbeat"


def parse_heartbeat(body: bytes) -> Heartbeat:
    """Read a heartbeat. Its status is not checked: real ones write ``ready`` in lower case. Raises: MalformedDocument."""
    root = jsondoc.parse(body, DOCUMENT)
    if not isinstance(root, list) or not root or not isinstance(root[0], dict):
        raise MalformedDocument(DOCUMENT, "the document is not an array that begins with an object")
    beat = root[0].get("heartbeat")
    if not isinstance(beat, dict):
        raise MalformedDocument(DOCUMENT, f"{_WHERE} is missing or not an object")
    status = beat.get("status")
    if not isinstance(status, str) or not status:
        raise MalformedDocument(DOCUMENT, f"{_WHERE}.status is missing or not text")
    return Heartbeat(
        status=status,
        code=status_code(beat.get("code"), DOCUMENT, f"{_WHERE}.code"),
        message=parse_formatted_message(beat.get("formattedMessage"), DOCUMENT, _WHERE),
    )


def render_heartbeat(beat: Heartbeat) -> bytes:
    """Give a heartbeat file as handlers write it."""
    members: dict[str, Any] = {"status": beat.status, "code": beat.code}
    if beat.message is not None:
        members["formattedMessage"] = render_formatted_message(beat.message)
    return json.dumps([{"version": 1.0, "heartbeat": members}]).encode("ascii")
