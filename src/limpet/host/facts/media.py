"""The block devices and mounts of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.media import Block, MediaFacts
from limpet.guest.mounts import read_mountinfo
from limpet.host.facts.reading import is_there, names_in, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.host.ports import Files

BLOCKS = Path("/sys/block")
MOUNTS = Path("/proc/self/mountinfo")
_VMBUS = Path("/sys/bus/vmbus/devices")
_STORAGE = {
    "{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}",  # SCSI
    "{32412632-86cb-44a2-9b5c-50d1417354f5}",  # IDE
}
_NODES = Path("/dev")
_SECTOR = 512
_MOST = 1024
_LARGE = 4 * 1024 * 1024


def look(files: Files) -> MediaFacts:
    """Read them."""
    return MediaFacts(
        blocks=tuple(_blocks(files))[:_MOST],
        mounts=read_mountinfo(text_of(files, MOUNTS, at_most=_LARGE) or ""),
        host_bus=any(
            text_of(files, _VMBUS / name / "class_id") in _STORAGE for name in names_in(files, _VMBUS)[:_MOST]
        ),
    )


def _blocks(files: Files) -> Iterator[Block]:
    known = names_in(files, BLOCKS)[:_MOST]
    # A container is given nodes of drives that its /sys does not show.
    for name in names_in(files, _NODES)[:_MOST]:
        node = files.info(_NODES / name) if name not in known and Block(name=name).optical else None
        if node is not None and node.is_block:
            yield Block(name=name)
    for name in known:
        folder = BLOCKS / name
        yield Block(name=name, size=_size(files, folder))
        for part in names_in(files, folder)[:_MOST]:
            if part.startswith(name) and is_there(files, folder / part / "partition"):
                yield Block(name=part, size=_size(files, folder / part), partition=True)


def _size(files: Files, folder: Path) -> int | None:
    sectors = text_of(files, folder / "size") or ""
    return int(sectors) * _SECTOR if sectors.isascii() and sectors.isdigit() else None
