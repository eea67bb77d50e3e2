"""What earlier boots left behind of provisioning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.marker import AZURE_INIT, CLOUD_INIT, LARGEST, MARKER, MarkerFacts
from limpet.host.facts.reading import bytes_of, is_there, names_in

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.ports import Files


def look(files: Files, library: Path) -> MarkerFacts:
    """Read them. A sentinel that is there and cannot be read is an empty one."""
    sentinel = library / "provisioned"
    facts = MarkerFacts(
        marker=bytes_of(files, MARKER, at_most=LARGEST) if is_there(files, MARKER) else None,
        sentinel=(bytes_of(files, sentinel) or b"") if is_there(files, sentinel) else None,
    )
    if facts != MarkerFacts():
        return facts
    return MarkerFacts(
        cloud_init=bytes_of(files, CLOUD_INIT, at_most=LARGEST),
        azure_init=tuple(names_in(files, AZURE_INIT)),
    )
