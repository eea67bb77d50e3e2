"""Finding and reading what belongs in a bundle. From the first wildcard of a pattern on no link is followed.

Logs are written by many: a folder of theirs may hold links, pipes and devices, and a file may grow, shrink or go while it is
read. Each is opened step by step from the fixed part of its pattern, so that nothing outside of it can be reached.
"""

from __future__ import annotations

import contextlib
import fnmatch
import gzip
import os
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from limpet.guest.log_manifest import Candidate
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 256 * 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_MOST_ENTRIES = 20_000
OF_THE_KERNEL = Path("/proc")
_MOST_OF_THE_KERNEL = 1024 * 1024
_MOST_LISTED = 2000
_WILD = frozenset("*?[")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A candidate with the way to it: base is a folder that is opened as it is, steps go on from there without links."""

    candidate: Candidate
    base: Path
    steps: tuple[str, ...]
    modified: float


class Sources:
    """The files of one machine. root: where its file system is, for another than this one's."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def find(self, pattern: str) -> Iterator[Found]:
        """The files that fit, in the order of their paths."""
        parts = Path(pattern.lstrip("/")).parts
        fixed = next((at for at, part in enumerate(parts) if _WILD & set(part)), len(parts) - 1)
        base = Path("/", *parts[:fixed])
        try:
            folder = os.open(self._real(base), _FOLDER)
        except OSError:
            return
        try:
            yield from self._below(folder, base, (), parts[fixed:])
        finally:
            os.close(folder)

    def _real(self, path: Path) -> Path:
        return self._root / path.relative_to("/")

    def _below(
        self, folder: int, base: Path, steps: tuple[str, ...], patterns: tuple[str, ...]
    ) -> Iterator[Found]:
        for name in _names(folder, patterns[0]):
            try:
                info = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except OSError:
                continue  # it went meanwhile
            way = (*steps, name)
            if len(patterns) == 1:
                if not stat.S_ISDIR(info.st_mode):
                    yield _found(base, way, info)
            elif stat.S_ISDIR(info.st_mode):
                try:
                    inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                except OSError:
                    continue
                try:
                    yield from self._below(inner, base, way, patterns[1:])
                finally:
                    os.close(inner)

    @contextlib.contextmanager
    def opened(self, found: Found) -> Iterator[tuple[int, os.stat_result]]:
        """A descriptor of a file that was found, and what it is now. Raises: HostError."""
        with contextlib.ExitStack() as stack:
            try:
                folder = os.open(self._real(found.base), _FOLDER)
                stack.callback(os.close, folder)
                for name in found.steps[:-1]:
                    folder = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                    stack.callback(os.close, folder)
                descriptor = os.open(found.steps[-1], _FILE, dir_fd=folder)
                stack.callback(os.close, descriptor)
                info = os.fstat(descriptor)
            except OSError as error:
                raise HostError(error.strerror or "it cannot be opened") from error
            if not stat.S_ISREG(info.st_mode):
                raise HostError("it is no regular file any more")
            yield descriptor, info

    def listing(self, folder: str) -> Iterator[str]:
        """A folder's entries, one line each, links not followed."""
        try:
            with os.scandir(self._real(Path(folder))) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield f"  {error.strerror}"
            return
        for entry in found[:_MOST_LISTED]:
            try:
                info = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            yield f"  {stat.filemode(info.st_mode)} {info.st_uid}:{info.st_gid} {info.st_size:>12} {int(info.st_mtime)} {entry.name}"
        if len(found) > _MOST_LISTED:
            yield f"  and {len(found) - _MOST_LISTED} more"


def _names(folder: int, pattern: str) -> list[str]:
    if not _WILD & set(pattern):
        return [pattern]
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for _, entry in zip(range(_MOST_ENTRIES), entries, strict=False)]
    except OSError:
        return []
    return sorted(name for name in names if not name.startswith(".") and fnmatch.fnmatchcase(name, pattern))


def _found(base: Path, way: tuple[str, ...], info: os.stat_result) -> Found:
    path = base.joinpath(*way)
    problem = None
    if stat.S_ISLNK(info.st_mode):
        problem = "it is a link; links are not followed"
    elif not stat.S_ISREG(info.st_mode):
        problem = "it is no regular file"
    elif info.st_nlink > 1 and info.st_uid != 0:
        problem = "it has other names, and its owner is not root"
    size = _MOST_OF_THE_KERNEL if path.is_relative_to(OF_THE_KERNEL) else info.st_size
    candidate = Candidate(path=path, size=size, problem=problem)
    return Found(candidate=candidate, base=base, steps=way, modified=info.st_mtime)


def pieces(descriptor: int, start: int, size: int) -> Iterator[bytes]:
    """`size` bytes from `start` on; fewer when the file has become shorter, not more when it has grown."""
    end = start + size
    while start < end:
        piece = os.pread(descriptor, min(_PIECE, end - start), start)
        if not piece:
            return
        start += len(piece)
        yield piece


def unpacked(descriptor: int, path: Path, most: int) -> Iterator[tuple[str, Iterator[bytes]]]:
    """What a .gz or .zip file holds: names to add to its own, and contents. most: bytes of each. Raises: HostError."""
    with open(descriptor, "rb", closefd=False) as file:
        file.seek(0)
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=file) as stream:
                yield "", _read(stream, most)
            return
        try:
            bundle = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise HostError(f"it is no zip: {error}") from error
        with bundle:
            for info in bundle.infolist()[:200]:
                if not info.is_dir():
                    try:
                        with bundle.open(info) as stream:
                            yield f"/{info.filename}", _read(stream, most)
                    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError) as error:
                        raise HostError(f"{info.filename[:100]!r} in it cannot be read: {error}") from error


def _read(stream: IO[bytes] | gzip.GzipFile, most: int) -> Iterator[bytes]:
    while most > 0:
        try:
            piece = stream.read(min(_PIECE, most))
        except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
            raise HostError(f"it is damaged: {error}") from error
        if not piece:
            return
        most -= len(piece)
        yield piece
