"""Handler packages as they are given to the emulator: a folder or a zip, under a name and a version."""

from __future__ import annotations

import io
import lzma
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.model.errors import LimpetError, MalformedDocument
from limpet.model.version import Version
from limpet.wire.handlermanifest import parse_handler_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from limpet.model.manifest import HandlerManifest

MANIFEST = "HandlerManifest.json"
LARGEST_PACKAGE = 200 * 1024 * 1024
LARGEST_MANIFEST = 1024 * 1024
MOST_FILES = 20_000
LONGEST_NAME = 120
LEFT_OUT = frozenset({".git", "__pycache__"})
"""Folders that are a developer's and not part of a package."""

# Folders of installed handlers are split at their last dash, so a name has none. Source: extensions.md §1.1.
_NAME = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*\Z")
_FILE_NAME = re.compile(r"(?P<name>[^-]+?)(?:__|-)(?P<version>\d[^-]*)\Z")
# A zip has no time before 1980; one time for all makes the same folder the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)
_MADE_ON_UNIX = 3
# What zipfile raises for zips that are damaged (offsets before the file, odd lengths), encrypted, or packed in another way.
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, ValueError, RuntimeError, NotImplementedError, EOFError, OSError,
)  # fmt: skip


class PackageRefused(LimpetError, ValueError):
    """A package cannot be used; the message says which, why, and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HostedPackage:
    """One version of a handler. zip_bytes: the package as clients download it."""

    name: str
    version: Version
    zip_bytes: bytes


def load_package(
    path: Path, *, name: str | None = None, version: str | None = None, unchecked: bool = False
) -> HostedPackage:
    """The package at `path`: a folder, which becomes a zip, or a zip, taken as it is.

    Name and version are those given; else those of a file name such as ``Acme.Sample-1.0.7`` (or ``…__1.0.7.zip``);
    else those of the manifest's signingInfo. unchecked: take a package without a manifest that can be read.
    Raises: PackageRefused.
    """
    try:
        if path.is_dir():
            content = zip_of(path)
        elif path.is_file():
            content = _bounded(path, LARGEST_PACKAGE)
        else:
            raise PackageRefused(f"{path}: there is no such folder or zip")
    except OSError as error:
        raise PackageRefused(f"{path}: cannot be read: {error.strerror or error}") from error
    if match := _FILE_NAME.match(path.resolve().name.removesuffix(".zip")):
        name, version = name or match["name"], version or match["version"]
    if not unchecked:
        manifest_of(content, str(path))
    return read_package(content, name=name, version=version, origin=str(path))


def read_package(
    content: bytes, *, name: str | None, version: str | None, origin: str = "the package"
) -> HostedPackage:
    """A package from the bytes of its zip.

    With both name and version the bytes are hosted whatever they are, so that a client can be shown a broken package;
    without them the manifest must say them. origin: for messages. Raises: PackageRefused.
    """
    if name is None or version is None:
        info = manifest_of(content, origin).signing_info or {}
        if name is None and "publisher" in info and "type" in info:
            name = f"{info['publisher']}.{info['type']}"
        version = version or info.get("version")
    if name is None or version is None:
        missing = " and ".join(
            word for word, value in (("name", name), ("version", version)) if value is None
        )
        raise PackageRefused(
            f"{origin}: its {missing} is not known: give it, call the folder Publisher.Type-1.2.3, "
            f"or add signingInfo to {MANIFEST}"
        )
    if not _NAME.match(name) or len(name) > LONGEST_NAME:
        raise PackageRefused(f"{origin}: {name[:60]!r} is not a handler's name such as Publisher.Type")
    try:
        return HostedPackage(name=name, version=Version.parse(version), zip_bytes=content)
    except ValueError as error:
        raise PackageRefused(f"{origin}: {error}") from error


def manifest_of(content: bytes, origin: str) -> HandlerManifest:
    """The manifest in a zip, the one nearest to its root. Raises: PackageRefused."""
    body = _manifest_bytes(content, origin)
    if body is None:
        raise PackageRefused(f"{origin}: there is no {MANIFEST} in it")
    if len(body) > LARGEST_MANIFEST:
        raise PackageRefused(f"{origin}: its {MANIFEST} is larger than {LARGEST_MANIFEST} bytes")
    try:
        return parse_handler_manifest(body)
    except MalformedDocument as error:
        raise PackageRefused(f"{origin}: {error}") from error


def _manifest_bytes(content: bytes, origin: str) -> bytes | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            members = [member for member in package.infolist() if member.filename.split("/")[-1] == MANIFEST]
            if not members:
                return None
            nearest = min(members, key=lambda member: member.filename.count("/"))
            with package.open(nearest) as stream:
                return stream.read(LARGEST_MANIFEST + 1)
    except _UNREADABLE as error:
        raise PackageRefused(f"{origin}: not a zip that can be read: {error}") from error


def zip_of(folder: Path) -> bytes:
    """The folder as a zip; the same content gives the same bytes. Raises: PackageRefused, OSError."""
    buffer = io.BytesIO()
    size = 0
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for path in _files(folder):
            content = _bounded(path, LARGEST_PACKAGE - size)
            size += len(content)
            member = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _TIME)
            member.create_system = _MADE_ON_UNIX
            mode = 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644
            member.external_attr = (stat.S_IFREG | mode) << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(member, content)
    return buffer.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    """Every file below `folder`, in one order everywhere."""
    count = 0
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode) or path == folder:
            inside = [found for found in path.iterdir() if found.name not in LEFT_OUT]
            waiting += sorted(inside, reverse=True)
        elif not stat.S_ISREG(mode):
            raise PackageRefused(f"{path}: a package holds files and folders only; put a copy in its place")
        else:
            count += 1
            if count > MOST_FILES:
                raise PackageRefused(
                    f"{folder}: more than {MOST_FILES} files; this is not a handler's folder"
                )
            yield path


def _bounded(path: Path, limit: int) -> bytes:
    with path.open("rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise PackageRefused(f"{path}: with it the package is larger than {LARGEST_PACKAGE} bytes")
    return content
