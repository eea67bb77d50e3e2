"""Members of documents that others wrote, of which any may be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def member(document: Mapping[str, Any], *path: str) -> Any:
    """A member by its path; None where it, or anything on the way, is null or absent."""
    found: Any = document
    for name in path:
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found
