"""The shadow file, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.root_password import ShadowFile
from limpet.host.facts.reading import bytes_of
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.ports import Files

_LARGEST = 4 * 1024 * 1024


def look(files: Files, path: Path) -> ShadowFile:
    """Read it. path: accounts.shadow_file."""
    try:
        info = files.info(path)
    except HostError:
        info = None
    if info is None:
        return ShadowFile(path=path, content=None)
    content = bytes_of(files, path, at_most=_LARGEST)
    return ShadowFile(path=path, content=content, mode=info.mode, owner=(info.uid, info.gid))
