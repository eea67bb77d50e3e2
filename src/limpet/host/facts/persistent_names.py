"""Where udev's persistent names of NICs are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.persistent_names import LARGEST, RULES, PersistentNameFacts
from limpet.host.facts.reading import bytes_of

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.ports import Files


def look(files: Files, library: Path) -> PersistentNameFacts:
    """Read them."""
    rules = {path: bytes_of(files, path, at_most=LARGEST) for path in RULES}
    kept = {path.name: bytes_of(files, library / path.name, at_most=LARGEST) for path in RULES}
    return PersistentNameFacts(
        rules={path: content for path, content in rules.items() if content is not None},
        kept={name: content for name, content in kept.items() if content is not None},
    )
