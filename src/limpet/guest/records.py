"""Members of the small records that boot keeps from one start to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 200


def word(members: Mapping[str, Any], name: str, document: str) -> str:
    """A member that is one printable word or line. Raises: MalformedDocument."""
    value = members.get(name)
    if not isinstance(value, str) or not value or len(value) > _LONGEST or not value.isprintable():
        raise MalformedDocument(document, f"{name} is missing or no word")
    return value
