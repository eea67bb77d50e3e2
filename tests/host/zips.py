"""Archives, good and bad, for tests."""

from __future__ import annotations

import io
import stat
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MANIFEST = b'[{"handlerManifest": {}}]'
PACKAGE: Mapping[str, bytes] = {
    "HandlerManifest.json": MANIFEST,
    "bin/": b"",
    "bin/enable.sh": b"#!/bin/sh\necho enabled\n",
    "deep/er/still/data": bytes(range(256)) * 40,
    "empty": b"",
}


def zipped(members: Mapping[str, bytes] | Iterable[tuple[str | zipfile.ZipInfo, bytes]] = PACKAGE) -> bytes:
    """A zip of these members in this order."""
    buffer = io.BytesIO()
    pairs = members.items() if hasattr(members, "items") else members
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in pairs:
            bundle.writestr(name, content)
    return buffer.getvalue()


def member(
    name: str, *, kind: int = stat.S_IFREG, mode: int = 0o644, method: int = zipfile.ZIP_DEFLATED
) -> zipfile.ZipInfo:
    """A member with attributes of a Unix file system."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | mode) << 16
    info.compress_type = method
    return info


def renamed(archive: bytes, old: bytes, new: bytes) -> bytes:
    """An archive whose member has a name that zipfile would not write. Both names have one length."""
    assert len(old) == len(new)
    return archive.replace(old, new)


def with_flags(archive: bytes, flags: int) -> bytes:
    """An archive whose first member has these general purpose flags."""
    content = bytearray(archive)
    local, central = content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02")
    content[local + 6 : local + 8] = flags.to_bytes(2, "little")
    content[central + 8 : central + 10] = flags.to_bytes(2, "little")
    return bytes(content)


def claiming_size(archive: bytes, size: int) -> bytes:
    """An archive whose first member claims another size than it has."""
    content = bytearray(archive)
    local, central = content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02")
    content[local + 22 : local + 26] = size.to_bytes(4, "little")
    content[central + 24 : central + 28] = size.to_bytes(4, "little")
    return bytes(content)
