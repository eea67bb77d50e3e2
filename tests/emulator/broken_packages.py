"""Packages that a client must not trust: each a zip, or what passes for one."""

from __future__ import annotations

import io
import stat
import warnings
import zipfile

MANIFEST = "HandlerManifest.json"
GOOD_MANIFEST = b'[{"handlerManifest": {"installCommand": "do install", "enableCommand": "do enable"}}]'
MIB = 1024 * 1024


def package(*members: tuple[str | zipfile.ZipInfo, bytes], manifest: bytes | None = GOOD_MANIFEST) -> bytes:
    """A zip of these members, and of a manifest unless that is None."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as found:
        if manifest is not None:
            found.writestr(_plain(MANIFEST), manifest)
        for member, content in members:
            found.writestr(_plain(member) if isinstance(member, str) else member, content)
    return buffer.getvalue()


def _plain(name: str) -> zipfile.ZipInfo:
    """A file as zipfile makes it of a name, but not dated: two packages of the same members are equal."""
    made = zipfile.ZipInfo(name)
    made.compress_type = zipfile.ZIP_DEFLATED
    made.external_attr = 0o600 << 16
    return made


def good() -> bytes:
    """Nothing is wrong with it."""
    return package(("do", b"#!/bin/sh\n"))


def climbing() -> bytes:
    """A member that would land beside the package's folder."""
    return package(("../escaped", b"x"), ("bin/../../escaped-too", b"x"))


def absolute() -> bytes:
    """A member with a name of its own in the file system."""
    return package(("/tmp/limpet-escaped", b"x"))


def linking() -> bytes:
    """A link to outside, and a file that would be written through it."""
    link = zipfile.ZipInfo("way-out")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return package((link, b"/tmp"), ("way-out/limpet-escaped", b"x"))


def doubled() -> bytes:
    """Two members of one name: which one counts?"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile's own: that is the point here
        return package(("do", b"first"), ("do", b"second"))


def bomb(size: int = 512 * MIB) -> bytes:
    """A few hundred kilobytes that grow to `size`."""
    member = zipfile.ZipInfo("zeros")
    member.compress_type = zipfile.ZIP_DEFLATED
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as found:
        found.writestr(MANIFEST, GOOD_MANIFEST)
        with found.open(member, "w") as stream:
            for _ in range(size // MIB):
                stream.write(bytes(MIB))
    return buffer.getvalue()


def without_manifest() -> bytes:
    """A zip of something else."""
    return package(("readme.txt", b"hello"), manifest=None)


def with_byte_order_mark() -> bytes:
    """A manifest as some editors save it; agents take it. Source: extensions.md §1.1."""
    return package(("do", b"#!/bin/sh\n"), manifest=b"\xef\xbb\xbf" + GOOD_MANIFEST)


def with_broken_manifest() -> bytes:
    """A manifest that is not JSON."""
    return package(manifest=b'[{"handlerManifest": ')


def truncated() -> bytes:
    """The first half of a download."""
    whole = good()
    return whole[: len(whole) // 2]


def corrupt_lzma() -> bytes:
    """Packed in a rarer way, and then damaged."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as found:
        found.writestr(MANIFEST, GOOD_MANIFEST * 50)
    whole = bytearray(buffer.getvalue())
    start = whole.index(MANIFEST.encode()) + len(MANIFEST)
    whole[start + 9] ^= (
        0xFF  # behind the four bytes and five of properties that come first: no stream begins so
    )
    return bytes(whole)


def nothing() -> bytes:
    """Not even a zip."""
    return b""
