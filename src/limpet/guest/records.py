"""The small records that stages and starts leave for one another: JSON objects with a version, read without trust in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 200


def members_of(content: bytes, document: str, *, version: int, at_most: int) -> dict[str, Any]:
    """The members of a record. at_most: bytes. Raises: MalformedDocument, also for one of another version."""
    if len(content) > at_most:
        raise MalformedDocument(document, f"{len(content)} bytes, more than the {at_most} that are accepted")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MalformedDocument(document, "it is not JSON") from error
    if not isinstance(found, dict) or found.get("version") != version:
        raise MalformedDocument(document, f"it is not of version {version}")
    return found


def word(members: Mapping[str, Any], name: str, document: str) -> str:
    """A member that is one printable word or line. Raises: MalformedDocument."""
    value = members.get(name)
    if not isinstance(value, str) or not value or len(value) > _LONGEST or not value.isprintable():
        raise MalformedDocument(document, f"{name} is missing or no word")
    return value
