"""A handler's zip, expanded safely: everything is looked at before anything is written, and it is there whole or not at all.

Modes in the zip are ignored; every regular file can be executed by its owner. Source: extensions.md §1.1.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

from limpet.guest.mounts import read_mountinfo
from limpet.host.files import RealFiles
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

MOST_MEMBERS = 100_000
LARGEST = 2 * 1024**3
"""Largest sum of what an archive expands to, bytes."""
HIGHEST_RATIO = 200
SMALL = 64 * 1024**2
"""Up to this sum the ratio does not matter, bytes: a log of zeros is not a bomb."""

MANIFEST = "HandlerManifest.json"
DEEPEST_KEPT = 64
"""How deep a handler's own folders may be to be kept."""

_SPARE = 16 * 1024**2
_FILE_MODE = 0o744  # the owner may execute; nobody else may write, whatever the umask
_PIECE = 256 * 1024
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_UNIX = 3
_EACH_SYNCED = 256
_MOUNTS = Path("/proc/self/mountinfo")
_UNREADABLE = (
    zipfile.BadZipFile,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    zlib.error,
    OSError,
)


def expand(archive: Path, folder: Path) -> None:
    """Expand `archive` into `folder`. What is there and not in the archive stays, but for manifests, which are a package's own.

    The folder is exchanged as a whole; one that cannot be moved, or in which the handler has mounted something, stays and is given
    its files one by one.
    Raises: HostError, which names what is wrong; then `folder` is as it was, or has been given some files, but not the manifest.
    """
    beside = folder.with_name(f".{folder.name}.unpacking")
    before = folder.with_name(f".{folder.name}.before")
    try:
        if before.is_dir() and beside.is_dir() and not os.path.lexists(folder):
            before.rename(
                folder
            )  # what was to take its place had not done so when a worker was killed, or the power cut
        _set_aside(before)
        _clear(beside)
        with archive.open("rb") as file, opened(file, archive.name) as bundle:
            members = checked(bundle, archive.name, os.fstat(file.fileno()).st_size)
            _check_space(members, folder.parent, archive.name)
            beside.mkdir()
            _write_all(bundle, members, beside)
        _make_durable(members, beside)
        if folder.is_dir() and not folder.is_symlink():
            mounted = _mounted_in(folder)
            if mounted and not _is_covered(members, mounted):
                _merge(beside, folder, members, mounted)
                return
            _keep(folder, beside, {str(folder / point) for point in mounted})
            if not _moved(folder, before):
                _merge(beside, folder, members, mounted)
                return
        elif os.path.lexists(folder):
            folder.unlink()
        try:
            beside.rename(folder)
        except OSError:
            if before.is_dir():
                before.rename(folder)
            raise
    except OSError as error:
        raise HostError(f"cannot expand {archive.name} into {folder}: {error.strerror or error}") from error
    finally:
        for left in (beside, before):
            _clear(left)


def _clear(folder: Path) -> None:
    """Remove a folder of ours with all in it, but nothing of what a handler has mounted there; such a one stays."""
    with contextlib.suppress(HostError):
        RealFiles().remove(folder)


def _set_aside(before: Path) -> None:
    """Free the name of what is exchanged: of the last one there is something left as long as something is mounted in it."""
    for left in [*before.parent.glob(f"{before.name}.*"), before]:
        _clear(left)
    if os.path.lexists(before):
        names = (before.with_name(f"{before.name}.{number}") for number in itertools.count(1))
        before.rename(next(name for name in names if not os.path.lexists(name)))


def _moved(folder: Path, before: Path) -> bool:
    """Move a folder aside. Says whether it could be moved: an overlay may move nothing that an image has brought."""
    try:
        folder.rename(before)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return False
        raise
    return True


def _mounted_in(folder: Path) -> Collection[str]:
    """Where something is mounted in a folder: paths below it. Without /proc nobody knows."""
    start = f"{os.path.realpath(folder)}/"
    try:
        text = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return set()
    points = (mount.point for mount in read_mountinfo(text))
    return {point.removeprefix(start) for point in points if point.startswith(start)}


def _is_covered(members: Mapping[str, zipfile.ZipInfo], mounted: Iterable[str]) -> bool:
    """Whether a file of the archive belongs where something is mounted."""
    files = [f"{path}/" for path, info in members.items() if not info.is_dir()]
    inner = [path for path in members if members[path].is_dir()]
    return any(
        any(file.startswith(f"{point}/") or f"{point}/".startswith(file) for file in files)
        or any(path.startswith(f"{point}/") for path in inner)
        for point in mounted
    )


def _merge(new: Path, old: Path, members: Mapping[str, zipfile.ZipInfo], mounted: Iterable[str]) -> None:
    """Move the members from `new` into `old`, the manifest last: until then it is that of before.

    mounted: what in `old` is not looked into.
    """
    for path in sorted(members, key=lambda path: path == MANIFEST):
        folders = [*([path] if members[path].is_dir() else []), *_parents(path)]
        for each in reversed(folders):
            target = old / each
            if target.is_symlink() or not target.is_dir():
                target.unlink(missing_ok=True)
                target.mkdir()
        if not members[path].is_dir():
            if (old / path).is_dir() and not (old / path).is_symlink():
                RealFiles().remove(old / path)
            (new / path).replace(old / path)
    apart = {str(old / point) for point in mounted}
    for found in _manifests(old, apart):
        if str(found.relative_to(old)) not in members:
            found.unlink(missing_ok=True)


def _manifests(folder: Path, apart: Collection[str], depth: int = 0) -> Iterator[Path]:
    """Every manifest in a folder. apart: folders that are not looked into."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == MANIFEST and not entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)
            elif entry.is_dir(follow_symlinks=False) and entry.path not in apart and depth < DEEPEST_KEPT:
                yield from _manifests(Path(entry.path), apart, depth + 1)


def _keep(old: Path, new: Path, apart: Collection[str], depth: int = 0) -> None:
    """Give `new` what `old` has and `new` has not, by hard links: until it takes its place `old` is whole.

    apart: where something is mounted, which stays where it is. The number of a device does not tell: on an overlay files have another
    than their folder.
    """
    with os.scandir(old) as entries:
        for entry in entries:
            target = new / entry.name
            with contextlib.suppress(
                OSError
            ):  # what its daemon takes away meanwhile, or what can have no second name
                if entry.name == MANIFEST or entry.path in apart:
                    continue
                if not entry.is_dir(follow_symlinks=False):
                    os.link(entry.path, target, follow_symlinks=False)  # not where the package has something
                elif depth < DEEPEST_KEPT and not target.is_symlink():
                    if not target.exists():
                        target.mkdir()
                        shutil.copystat(entry.path, target)
                    if target.is_dir():
                        _keep(Path(entry.path), target, apart, depth + 1)


def opened(file: IO[bytes], name: str) -> zipfile.ZipFile:
    """Read an archive's table of contents. name: for messages. Raises: HostError."""
    try:
        return zipfile.ZipFile(file)
    except _UNREADABLE as error:
        raise HostError(f"{name} is not a usable zip: {error}") from error


def checked(bundle: zipfile.ZipFile, name: str, size: int) -> Mapping[str, zipfile.ZipInfo]:
    """The members by their path below the folder, none of which is dangerous. size: the archive's, bytes.

    Raises: HostError, naming the first member that is refused and why.
    """
    infos = bundle.infolist()
    total = sum(info.file_size for info in infos)
    if len(infos) > MOST_MEMBERS:
        raise HostError(f"{name} has {len(infos)} members; at most {MOST_MEMBERS} are accepted")
    if total > LARGEST or (total > SMALL and total > HIGHEST_RATIO * size):
        raise HostError(f"{name} expands from {size} to {total} bytes, which is not accepted")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        path, problem = safe_path(info.orig_filename)
        problem = problem or _unwanted(info)
        if not problem and path in members and not (info.is_dir() and members[path].is_dir()):
            problem = "is there twice"
        if problem:
            raise HostError(f"{name}: {info.orig_filename[:200]!r} {problem}")
        members[path] = info
    for path in members:
        for parent in _parents(path):
            if parent in members and not members[parent].is_dir():
                raise HostError(f"{name}: {parent[:200]!r} is a file and a folder")
    members.pop("", None)
    return members


def safe_path(name: str) -> tuple[str, str | None]:
    """A member's path with ``.`` and empty parts taken out, and what is wrong with it, if anything."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    problem = None
    if not name or _CONTROL.search(name):
        problem = "has no usable name"
    elif name.startswith("/") or _DRIVE.match(name):
        problem = "has an absolute name"
    elif "\\" in name:
        problem = "has a backslash in its name"
    elif ".." in parts:
        problem = "leads out of its folder"
    return "/".join(parts), problem


def _unwanted(info: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == _UNIX else 0
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if kind == stat.S_IFLNK:
        return "is a link"
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "is neither a file nor a folder"
    if info.file_size if info.is_dir() else kind == stat.S_IFDIR:
        return "is a file and a folder"
    if info.compress_type not in _METHODS:
        return f"is compressed in a way that is not accepted (method {info.compress_type})"
    return None


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _check_space(members: Mapping[str, zipfile.ZipInfo], folder: Path, name: str) -> None:
    needed = sum(info.file_size for info in members.values())
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    if needed + _SPARE > free:
        raise HostError(f"{name} needs {needed} bytes in {folder}, where {free} are free")


def _write_all(bundle: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], folder: Path) -> None:
    made = {""}
    for path, info in members.items():
        for parent in reversed([*([path] if info.is_dir() else []), *_parents(path)]):
            if parent not in made:
                (folder / parent).mkdir()
                made.add(parent)
        if not info.is_dir():
            descriptor = os.open(
                folder / path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _FILE_MODE
            )
            try:
                for piece in pieces(bundle, info):
                    _write(descriptor, piece)
            finally:
                os.close(descriptor)


def pieces(bundle: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """A member's content, which has the size and checksum that the archive claims. Raises: HostError."""
    left = info.file_size
    try:
        with bundle.open(info) as source:
            while piece := source.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    break
                yield piece
    except _UNREADABLE as error:
        raise HostError(f"{info.orig_filename[:200]!r} is damaged: {error}") from error
    if left:
        raise HostError(
            f"{info.orig_filename[:200]!r} is damaged: it has not the size that the archive claims"
        )


def _write(descriptor: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(descriptor, view) :]


def _make_durable(members: Mapping[str, zipfile.ZipInfo], folder: Path) -> None:
    """A handler that is recorded as installed must be there after a power cut."""
    if len(members) > _EACH_SYNCED:
        os.sync()
        return
    for path in [*members, "."]:
        descriptor = os.open(folder / path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
