"""Values that handlers and services write in more than one JSON type."""

from __future__ import annotations

import json
from typing import Any

from limpet.model.errors import MalformedDocument

LARGEST_CODE = 2**63 - 1


def scalar_text(value: Any, document: str, where: str) -> str | None:
    """Give text as it is and a number or boolean in its JSON spelling: handlers write both.

    Raises: MalformedDocument, for an object or an array.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise MalformedDocument(document, f"{where} is not text")
    return json.dumps(value)


def status_code(value: Any, document: str, where: str) -> int | str:
    """Give a status code as it was written, number or text; 0 where there is none.

    Other numbers than whole ones, or larger than any reader takes, and booleans become text: a strange code is no reason to
    lose the status. Raises: MalformedDocument, for an object or an array. Source: extensions.md §6.1 (both kinds occur).
    """
    if value is None:
        return 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) or (type(value) is int and abs(value) <= LARGEST_CODE):
        return value
    if isinstance(value, dict | list):
        raise MalformedDocument(document, f"{where} is neither a number nor text")
    return json.dumps(value)
