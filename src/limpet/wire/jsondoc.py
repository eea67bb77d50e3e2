"""JSON documents from outside: bounded, and read by members of known types.

A name that stands twice counts as it stands last, as JSON readers have it; NaN and Infinity are refused. Half of a
surrogate pair, which could not be written as UTF-8 again, becomes U+FFFD.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, TypeVar

from limpet.model.errors import MalformedDocument
from limpet.wire.http import DOCUMENT_LIMIT

LONGEST_NUMBER = 64
DEEPEST = 128
MOST_VALUES = 500_000
_BOM = b"\xef\xbb\xbf"
_INFINITE = float("inf")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")

T = TypeVar("T")
_MISSING: Any = object()


def parse(body: bytes, document: str, *, limit: int = DOCUMENT_LIMIT) -> Any:
    """Read a document. limit: bytes. Raises: MalformedDocument."""
    if len(body) > limit:
        raise MalformedDocument(document, f"{len(body)} bytes, more than the {limit} that are accepted")
    try:
        text = body.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedDocument(document, f"not UTF-8: {error.reason} at byte {error.start}") from None
    return parse_text(text, document)


def parse_text(text: str, document: str) -> Any:
    """Read a document that came inside another one. Raises: MalformedDocument."""

    def refuse(word: str) -> NoReturn:
        raise MalformedDocument(document, f"{word} is not JSON")

    def integer(digits: str) -> int:
        if len(digits) > LONGEST_NUMBER:
            raise MalformedDocument(document, f"a number of {len(digits)} digits")
        return int(digits)

    def real(digits: str) -> float:
        value = float(digits)
        if abs(value) == _INFINITE:  # 1e999: could be read, and could not be written again
            raise MalformedDocument(document, "a number beyond every limit")
        return value

    brackets = text.count("[") + text.count("{")
    if text.count(",") + brackets > MOST_VALUES:  # counted in texts too: real documents have a few thousand
        raise MalformedDocument(document, f"more than {MOST_VALUES} values")
    try:
        value = json.loads(text, parse_constant=refuse, parse_int=integer, parse_float=real)
    except json.JSONDecodeError as error:
        raise MalformedDocument(
            document, f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise MalformedDocument(document, f"nested deeper than {DEEPEST}") from None
    if brackets > DEEPEST or _SURROGATE_ESCAPE.search(text):
        return _sound(value, document, DEEPEST)
    return value


def _sound(value: Any, document: str, levels: int) -> Any:
    """`value` without halves of surrogate pairs. Raises: MalformedDocument, when it is deeper than `levels`."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict | list) and not levels:
        raise MalformedDocument(document, f"nested deeper than {DEEPEST}")
    if isinstance(value, list):
        return [_sound(each, document, levels - 1) for each in value]
    if isinstance(value, dict):
        return {
            _SURROGATE.sub("\ufffd", name): _sound(each, document, levels - 1) for name, each in value.items()
        }
    return value


def an_object(value: Any, document: str, where: str = "the document") -> dict[str, Any]:
    """`value`, when it is an object. Raises: MalformedDocument."""
    if not isinstance(value, dict):
        raise MalformedDocument(document, f"{where} is {_kind(value)} instead of an object")
    return value


def an_array(value: Any, document: str, where: str = "the document") -> list[Any]:
    """`value`, when it is an array. Raises: MalformedDocument."""
    if not isinstance(value, list):
        raise MalformedDocument(document, f"{where} is {_kind(value)} instead of an array")
    return value


def find(members: dict[str, Any], name: str) -> Any:
    """The member called `name` in any letter case, exact spelling first; None where absent or null.

    Source for the lenience: wire-protocol.md §5.4.
    """
    if name in members:
        return members[name]
    wanted = name.lower()
    return next((value for key, value in members.items() if key.lower() == wanted), None)


def member(
    members: dict[str, Any],
    name: str,
    kind: type[T] | tuple[type[T], ...],
    document: str,
    default: Any = _MISSING,
) -> Any:
    """The member called `name`, of the type `kind`.

    default: given for a member that is absent or null; without one it is required.
    Raises: MalformedDocument. A bool is not taken for a number.
    """
    value = find(members, name)
    if value is None:
        if default is _MISSING:
            raise MalformedDocument(document, f"member {name} is missing")
        return default
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        wanted = " or ".join("a whole number" if each is int else _KINDS[each] for each in kinds)
        raise MalformedDocument(document, f"member {name} is {_kind(value)} instead of {wanted}")
    return value


_KINDS: dict[type, str] = {
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), type(value).__name__)
