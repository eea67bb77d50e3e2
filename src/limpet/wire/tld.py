"""Event files of the older spool, ``*.tld``: the agent's own and handlers'. Source: extensions.md §7.3, wire-protocol.md §8.4."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from limpet.model.errors import MalformedDocument
from limpet.model.redact import redacted
from limpet.model.telemetry import Event
from limpet.wire import jsondoc, xml
from limpet.wire.eventparameters import event_time, operation_event
from limpet.wire.telemetry import parse_parameter, parse_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from limpet.model.telemetry import Value

DOCUMENT = "event file"
AGENT = "WALinuxAgent"
_KEPT = ("Name", "Version", "Operation", "OperationSuccess", "Message", "Duration")


def parse_event_file(body: bytes) -> Event:
    """Read an event file, JSON or the XML that old handlers write. SAS tokens in its message are redacted.

    Raises: MalformedDocument.
    """
    if body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        return _of_xml(body)
    root = jsondoc.an_object(jsondoc.parse(body, DOCUMENT), DOCUMENT)
    number, provider = root.get("eventId"), root.get("providerId")
    if isinstance(number, bool) or not isinstance(number, int):
        raise MalformedDocument(DOCUMENT, "eventId is missing or not a whole number")
    if not isinstance(provider, str) or not provider:
        raise MalformedDocument(DOCUMENT, "providerId is missing or not text")
    entries = jsondoc.an_array(root.get("parameters"), DOCUMENT, "parameters")
    return Event(
        provider=provider,
        id=number,
        parameters=_redacted(
            _parameter(entry, f"parameters[{index}]") for index, entry in enumerate(entries)
        ),
    )


def _parameter(entry: Any, where: str) -> tuple[str, Value]:
    members = jsondoc.an_object(entry, DOCUMENT, where)
    name, value = members.get("name"), members.get("value")
    if not isinstance(name, str) or not name:
        raise MalformedDocument(DOCUMENT, f"{where}.name is missing or not text")
    if isinstance(value, dict | list):
        raise MalformedDocument(DOCUMENT, f"{where}.value is neither text nor a number nor a boolean")
    return name, value


def _of_xml(body: bytes) -> Event:
    root = xml.parse(body, DOCUMENT, root="Data")
    provider = xml.attribute(xml.first(root, "Provider"), "id")
    number = xml.attribute(xml.first(root, "Event"), "id")
    if not provider:
        raise MalformedDocument(DOCUMENT, "no Provider has an id")
    if number is None or not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise MalformedDocument(DOCUMENT, "no Event has a number as its id")
    return Event(provider=provider, id=int(number), parameters=_redacted(_parameters_of_xml(root)))


def _parameters_of_xml(root: xml.Element) -> Iterator[tuple[str, Value]]:
    """Parameters are elements, or the text of a CDATA section, as in posts."""
    for element in (root, *root.descendants()):
        if element.name == "Param":
            yield parse_parameter(element, DOCUMENT)
        elif "<Param" in element.text:
            yield from parse_parameters(element.text, DOCUMENT)


def _redacted(parameters: Iterable[tuple[str, Value]]) -> tuple[tuple[str, Value], ...]:
    return tuple(
        (name, redacted(value) if name == "Message" and isinstance(value, str) else value)
        for name, value in parameters
    )


def render_event_file(event: Event) -> bytes:
    """Give an event file."""
    parameters = [{"name": name, "value": value} for name, value in event.parameters]
    document = {"eventId": event.id, "providerId": event.provider, "parameters": parameters}
    return json.dumps(document).encode("ascii")


def adopted(event: Event, *, modified: float, common: Mapping[str, Value]) -> Event:
    """Give the event of a file as it is sent.

    The agent's own events go as they are. Of a handler's, only what describes its operation is kept, and what is common
    is added. modified: of the file, seconds since 1970.
    """
    parameters = dict(event.parameters)
    if parameters.get("Name") == AGENT:
        return event
    kept = {name: parameters[name] for name in _KEPT if name in parameters}
    return operation_event(kept, {**common, "OpcodeName": event_time(modified)})
