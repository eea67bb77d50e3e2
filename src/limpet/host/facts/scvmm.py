"""The drives that SCVMM's disc may be in, and what is mounted of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.scvmm import Drive, drives
from limpet.host.facts.reading import is_there, names_in
from limpet.host.facts.resource_disk import mounts_of

if TYPE_CHECKING:
    from limpet.host.ports import Files

DEV = Path("/dev")


def look(files: Files) -> list[Drive]:
    """Every drive once, in the order of their names."""
    names = names_in(files, DEV)
    targets = {}
    for name in names:
        target = files.target(DEV / name) if is_there(files, DEV / name) else None
        if target is not None:
            targets[name] = target.name
    points = {mount.source: Path(mount.point) for mount in mounts_of(files)}
    found = [DEV / name for name in drives(names, targets)]
    return [Drive(device=device, point=points.get(str(device))) for device in found]
