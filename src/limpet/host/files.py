"""The file system of this machine: the Files port."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host import allocated, trusted
from limpet.host.ports import FileInfo
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PIECE = 256 * 1024
_READ = (
    os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
)  # a FIFO must not make us wait for its writer
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PERMISSIONS = 0o7777
_LABEL = "security.selinux"


class RealFiles:
    """Regular files and folders. Safe to use from several threads."""

    def read(self, path: Path, *, at_most: int) -> bytes:
        """The content of a regular file. Raises: FileNotFoundError, HostError when larger or not a regular file."""
        with _said(f"cannot read {path}", absence=True), _opened_regular(path, _READ) as descriptor:
            size = os.fstat(descriptor).st_size
            content = b"".join(_pieces(descriptor, at_most + 1))
        # What was read counts: in /sys every file says that it has a whole page.
        if len(content) > at_most:
            raise HostError(f"{path} has {max(size, len(content))} bytes; at most {at_most} are accepted")
        return content

    def replace(
        self,
        path: Path,
        content: bytes,
        *,
        mode: int = 0o644,
        durable: bool = True,
        owner: tuple[int, int] | None = None,
        beneath: Path | None = None,
    ) -> None:
        """Put `content` at `path`; a reader, or a power cut, sees the old file or the new one.

        durable: whether it must be on the disk when this returns. owner: user and group id. beneath: a folder from which on
        no link among the parents is followed. Raises: HostError.
        """

        def fill(descriptor: int) -> None:
            _write_all(descriptor, content)
            if owner is not None:
                os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)

        if beneath is None:
            _replace(path, fill, durable=durable)
            return
        with trusted.folder(path.parent, beneath) as parent:
            _replace(Path(f"/proc/self/fd/{parent}", path.name), fill, durable=durable, shown=path)

    def info(self, path: Path) -> FileInfo | None:
        """What is at `path`; None where nothing is. Raises: HostError."""
        with _said(f"cannot look at {path}"):
            try:
                found = path.lstat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return FileInfo(
            size=found.st_size,
            mode=found.st_mode & _PERMISSIONS,
            modified=found.st_mtime,
            changed_ns=found.st_ctime_ns,
            is_file=stat.S_ISREG(found.st_mode),
            is_folder=stat.S_ISDIR(found.st_mode),
            is_link=stat.S_ISLNK(found.st_mode),
            is_block=stat.S_ISBLK(found.st_mode),
            links=found.st_nlink,
            uid=found.st_uid,
            gid=found.st_gid,
        )

    def names(self, folder: Path) -> list[str]:
        """The names in a folder, sorted; empty where there is none. Raises: HostError."""
        with _said(f"cannot list {folder}"):
            try:
                return sorted(entry.name for entry in os.scandir(folder))
            except (FileNotFoundError, NotADirectoryError):
                return []

    def make_folder(
        self,
        path: Path,
        *,
        mode: int = 0o755,
        owner: tuple[int, int] | None = None,
        beneath: Path | None = None,
    ) -> None:
        """Make a folder and its parents; an existing one keeps its mode and owner.

        beneath: a folder from which on no link is followed, and below which new parents get `owner` too. Raises: HostError.
        """
        with _said(f"cannot make the folder {path}"):
            if beneath is not None:
                trusted.make_folder(path, beneath, mode, owner)
            else:
                _make_folder(path, mode, owner)

    def remove(self, path: Path) -> None:
        """Remove a file, a link, or a folder with all in it; nothing happens where nothing is. Raises: HostError."""
        with _said(f"cannot remove {path}"), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if not stat.S_ISDIR(path.lstat().st_mode):
                path.unlink()
                return
            if not _removed_at_once(path):
                _empty(path)
                path.rmdir()

    def copy(self, source: Path, destination: Path) -> None:
        """Copy a regular file with its mode and times. Raises: FileNotFoundError, HostError."""
        with _said(f"cannot copy {source}", absence=True), _opened_regular(source, _READ) as reader:
            found = os.fstat(reader)

            def fill(descriptor: int) -> None:
                for piece in _pieces(reader, found.st_size):
                    _write_all(descriptor, piece)
                os.fchmod(descriptor, found.st_mode & _PERMISSIONS)
                os.utime(descriptor, ns=(found.st_atime_ns, found.st_mtime_ns))

            _replace(destination, fill, durable=True)

    def append(self, path: Path, content: bytes, *, at_most: int) -> None:
        """Add to a log; when it would grow past `at_most` bytes its head is dropped at a line boundary.

        Half of `at_most` is kept then, so that a full log is not rewritten for each line. Raises: HostError.
        """
        with _said(f"cannot write to {path}"):
            with _opened_regular(path, _APPEND) as descriptor:
                found = os.fstat(descriptor)
                if found.st_size + len(content) <= at_most:
                    _write_all(descriptor, content)
                    return
            kept = _last_lines(path, min(at_most // 2, max(0, at_most - len(content))))
            self.replace(path, (kept + content)[-at_most:], mode=found.st_mode & _PERMISSIONS, durable=False)

    def target(self, path: Path) -> Path | None:
        """What a symbolic link says, unresolved; None where there is none. Raises: HostError."""
        with _said(f"cannot look at {path}"):
            try:
                return path.readlink()
            except (FileNotFoundError, NotADirectoryError):
                return None
            except OSError as error:
                if error.errno == errno.EINVAL:
                    return None
                raise

    def poke(self, path: Path, content: bytes) -> None:
        """Write to something that exists and is no file of a disk: /sys, /proc, a device. Raises: HostError."""
        with _said(f"cannot set {path}"):
            descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                _write_all(descriptor, content)
            finally:
                os.close(descriptor)

    def allocate(self, path: Path, size: int, *, head: bytes = b"", written: bool = False) -> None:
        """Make a file of `size` bytes that holds no holes and is never copied on write, mode 0600; nothing is left when it fails.

        head: what it begins with, written last. One that is there with this size and head is kept. written: whether every
        byte must be written rather than reserved. Raises: HostError.
        """
        with _said(f"cannot allocate {path}"):
            if not allocated.kept(path, size, head):
                allocated.make(path, size, head, written=written)

    def room(self, path: Path) -> int:
        """Bytes that are free in the file system that `path` is in. Raises: HostError."""
        with _said(f"cannot look at {path}"):
            found = os.statvfs(path)
            return found.f_bavail * found.f_frsize


@contextlib.contextmanager
def _said(what: str, *, absence: bool = False) -> Iterator[None]:
    """Turn the system's errors into sentences. absence: whether a missing file stays FileNotFoundError."""
    try:
        yield
    except OSError as error:
        if absence and isinstance(error, FileNotFoundError | NotADirectoryError):
            raise FileNotFoundError(*error.args) from error
        raise HostError(f"{what}: {error.strerror or error}") from error
    except ValueError as error:  # a NUL, or what no file system can have in a name
        raise HostError(f"{what}: no file can have this name") from error


@contextlib.contextmanager
def _opened_regular(path: Path, flags: int) -> Iterator[int]:
    try:
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        with contextlib.suppress(OSError):
            _refuse_irregular(path, path.lstat().st_mode)
        raise error from None
    try:
        _refuse_irregular(path, os.fstat(descriptor).st_mode)
        yield descriptor
    finally:
        os.close(descriptor)


def _refuse_irregular(path: Path, mode: int) -> None:
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO"}
    if not stat.S_ISREG(mode):
        raise HostError(
            f"{path} is {kinds.get(stat.S_IFMT(mode), 'a device or a socket')}, not a regular file"
        )


def _pieces(descriptor: int, at_most: int) -> Iterator[bytes]:
    while at_most > 0 and (piece := os.read(descriptor, min(at_most, _PIECE))):
        at_most -= len(piece)
        yield piece


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _replace(path: Path, fill: Callable[[int], None], *, durable: bool, shown: Path | None = None) -> None:
    # The name is this thread's own, so what a power cut left under it is nobody's and may go.
    temporary = path.parent / f".{path.name[:200]}.{os.getpid()}-{threading.get_native_id()}"
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, _CREATE, 0o600)
        try:
            fill(descriptor)
            _keep_label(path, descriptor)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.rename(path)
        if durable:
            _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise HostError(f"cannot write {shown or path}: {error.strerror or error}") from error
    except ValueError as error:
        raise HostError(f"cannot write {shown or path}: no file can have this name") from error


def _keep_label(path: Path, descriptor: int) -> None:
    """Give a new file SELinux's label of the one whose place it takes: /etc/shadow has another than what is new in /etc."""
    with contextlib.suppress(OSError):  # most machines have no labels
        os.setxattr(descriptor, _LABEL, os.getxattr(path, _LABEL, follow_symlinks=False))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(path: Path, mode: int, owner: tuple[int, int] | None = None) -> None:
    try:
        path.mkdir(mode)
    except FileNotFoundError:
        _make_folder(path.parent, 0o755)
        _make_folder(path, mode, owner)
        return
    except FileExistsError:
        if not path.is_dir():
            raise HostError(f"cannot make the folder {path}: something else is there") from None
        return
    if owner is not None:
        os.chown(path, *owner, follow_symlinks=False)
    path.chmod(mode)  # mkdir's mode is cut by the umask


def _empty(folder: Path) -> None:
    """Remove everything in a folder without following links and without recursion, however deep it is.

    What lies two levels down is moved up to `folder`, so that no path and no stack grows with the depth. A folder that
    something is mounted on can be neither moved nor removed: nothing of another file system goes.
    """
    top = os.open(folder, _FOLDER)
    try:
        while _removed_some(top):
            pass
    finally:
        os.close(top)


def _removed_some(top: int) -> bool:
    some = False
    with os.scandir(top) as entries:
        for entry in entries:
            some = True
            if entry.is_dir(follow_symlinks=False):
                if not _removed_at_once(entry.name, top):
                    _move_folders_up(entry.name, top, top)
                    os.rmdir(entry.name, dir_fd=top)
            else:
                os.unlink(entry.name, dir_fd=top)
    return some


def _removed_at_once(name: str | Path, top: int | None = None) -> bool:
    """Whether it was empty. Raises: OSError, when something is mounted on it, before anything in that is touched."""
    try:
        os.rmdir(name, dir_fd=top)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            return False
        raise
    return True


def _move_folders_up(name: str, parent: int, top: int) -> None:
    inner = os.open(name, _FOLDER, dir_fd=parent)
    try:
        with os.scandir(inner) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    _move_up(entry.name, inner, top)
                else:
                    os.unlink(entry.name, dir_fd=inner)
    finally:
        os.close(inner)


def _move_up(name: str, parent: int, top: int) -> None:
    try:
        os.rename(name, f".{os.urandom(8).hex()}", src_dir_fd=parent, dst_dir_fd=top)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # An overlay may move no folder of its lower layers: what an image brings, which is not endlessly deep.
        if not _removed_at_once(name, parent):
            _move_folders_up(name, parent, top)
            os.rmdir(name, dir_fd=parent)


def _last_lines(path: Path, at_most: int) -> bytes:
    """The end of a file from a line's start on, in at most so many bytes."""
    with _opened_regular(path, _READ) as descriptor:
        start = os.fstat(descriptor).st_size - at_most
        if start <= 0:
            return b"".join(_pieces(descriptor, at_most))
        tail = os.pread(descriptor, at_most + 1, start - 1)
    return tail[tail.find(b"\n") + 1 :] if b"\n" in tail else b""
