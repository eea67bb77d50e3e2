"""The ``formattedMessage`` object that every status document has. Source: extensions.md §6.1, §6.5, §6.6."""

from __future__ import annotations

from typing import Any

from limpet.model.errors import MalformedDocument
from limpet.model.redact import redacted
from limpet.model.status import Message
from limpet.wire.scalars import scalar_text


def parse_formatted_message(value: Any, document: str, where: str) -> Message | None:
    """Read a message; None where there is none.

    where: the place in the document, for the error. Raises: MalformedDocument, unless both members are there.
    """
    if value is None:
        return None
    place = f"{where}.formattedMessage"
    if not isinstance(value, dict):
        raise MalformedDocument(document, f"{place} is not an object")
    for member in ("lang", "message"):
        if member not in value:
            raise MalformedDocument(document, f"{place} has no {member!r}")
    return Message(
        message=scalar_text(value["message"], document, f"{place}.message") or "",
        lang=scalar_text(value["lang"], document, f"{place}.lang") or "",
    )


def render_formatted_message(message: Message) -> dict[str, str]:
    """Give the JSON object of `message`, without the SAS tokens it may hold.

    Half of a surrogate pair, as names of files bring it that are no UTF-8, becomes a question mark: readers that are
    strict would refuse the document for it.
    """
    text = (
        message.message if message.message.isascii() else message.message.encode("utf-8", "replace").decode()
    )
    return {"lang": message.lang, "message": redacted(text)}
