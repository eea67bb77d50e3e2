"""Telemetry posts: events to requests and back. Source: wire-protocol.md §8.1, §8.3."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from limpet.model.errors import MalformedDocument
from limpet.model.telemetry import Event
from limpet.wire import xml
from limpet.wire.health import xml_post

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from limpet.model.telemetry import Value
    from limpet.wire.http import Request

DOCUMENT = "TelemetryData"
BATCH_LIMIT = 64512
"""A post's events stay below this many bytes: 64 KiB less what surrounds them."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,64}\Z")
_REAL = re.compile(r"[+-]?(?:[0-9]{1,64}(?:\.[0-9]{0,64})?|\.[0-9]{1,64})(?:[eE][+-]?[0-9]{1,3})?\Z")
_INFINITE = float("inf")
_UINT64, _WSTR, _BOOL, _FLOAT64 = "mt:uint64", "mt:wstr", "mt:bool", "mt:float64"


def telemetry_requests(
    endpoint: str, events: Sequence[Event]
) -> tuple[tuple[Request, ...], tuple[Event, ...]]:
    """Ask to take events, in as few posts as the limit allows: one provider each, order kept within a provider.

    Gives the requests, and the events that are too large to be sent at all.
    """
    dropped: list[Event] = []
    batches: list[tuple[str, list[str]]] = []
    current: dict[str, tuple[list[str], int]] = {}
    for event in events:
        rendered = _render_event(event)
        size = len(rendered.encode())
        if size >= BATCH_LIMIT:
            dropped.append(event)
            continue
        batch, filled = current.get(event.provider, ([], BATCH_LIMIT))
        if filled + size >= BATCH_LIMIT:
            batch, filled = [], 0
            batches.append((event.provider, batch))
        batch.append(rendered)
        current[event.provider] = (batch, filled + size)
    requests = tuple(
        xml_post(endpoint, "telemetrydata", _render_post(provider, batch)) for provider, batch in batches
    )
    return requests, tuple(dropped)


def _render_post(provider: str, events: Sequence[str]) -> str:
    return (
        '<?xml version="1.0"?><TelemetryData version="1.0">'
        f'<Provider id="{xml.escape_attribute(provider)}">{"".join(events)}</Provider></TelemetryData>'
    )


def _render_event(event: Event) -> str:
    # Values are escaped, so that nothing in them can end the CDATA section.
    parameters = "".join(_render_parameter(name, value) for name, value in event.parameters)
    return f'<Event id="{event.id}"><![CDATA[{parameters}]]></Event>'


def _render_parameter(name: str, value: Value) -> str:
    return f'<Param Name="{xml.escape_attribute(name)}" Value={_quoted(str(value))} T="{_type_of(value)}" />'


def _quoted(value: str) -> str:
    """The peer writes single quotes round a value that has double quotes and no single ones."""
    escaped = xml.escape_attribute(value)
    if '"' in value and "'" not in value:
        return f"'{escaped.replace('&quot;', chr(34))}'"
    return f'"{escaped}"'


def _type_of(value: Value) -> str:
    if isinstance(value, bool):
        return _BOOL
    if isinstance(value, int):
        return _UINT64
    if isinstance(value, float):
        return _FLOAT64
    return _WSTR if isinstance(value, str) else ""


def parse_telemetry(body: bytes) -> tuple[Event, ...]:
    """Read a post's events, in order. A value that does not fit its type is kept as text. Raises: MalformedDocument."""
    root = xml.parse(body, DOCUMENT, root="TelemetryData")
    return tuple(event for provider in xml.children(root, "Provider") for event in _events(provider))


def _events(provider: xml.Element) -> Iterator[Event]:
    identity = xml.attribute(provider, "id")
    if not identity:
        raise MalformedDocument(DOCUMENT, "a Provider has no id")
    for element in xml.children(provider, "Event"):
        number = xml.attribute(element, "id")
        if number is None or not _INTEGER.match(number):
            raise MalformedDocument(DOCUMENT, "an Event's id is missing or not a number")
        yield Event(provider=identity, id=int(number), parameters=parse_parameters(element.text, DOCUMENT))


def parse_parameters(fragment: str, document: str) -> tuple[tuple[str, Value], ...]:
    """Read ``Param`` elements that stand side by side without a root. Raises: MalformedDocument."""
    root = xml.parse(f"<Event>{fragment}</Event>".encode(), document)
    return tuple(parse_parameter(element, document) for element in xml.children(root, "Param"))


def parse_parameter(element: xml.Element, document: str) -> tuple[str, Value]:
    """Read one ``Param`` element. Raises: MalformedDocument."""
    name, value = xml.attribute(element, "Name"), xml.attribute(element, "Value")
    if not name or value is None:
        raise MalformedDocument(document, "a Param lacks its Name or its Value")
    return name, _value(value, xml.attribute(element, "T"))


def _value(text: str, kind: str | None) -> Value:
    if kind == _UINT64 and _INTEGER.match(text):
        return int(text)
    if kind == _BOOL and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if kind == _FLOAT64 and _REAL.match(text):
        real = float(text)
        return text if abs(real) == _INFINITE else real  # what JSON has no number for could not be shown
    return None if kind == "" and text == "None" else text
