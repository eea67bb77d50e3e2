"""At most one of a kind: a lock held open for as long as the process lives. There is no pid file to go stale."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from limpet.model.errors import AlreadyRunning, HostError

if TYPE_CHECKING:
    from pathlib import Path

_NOTE_LIMIT = 200
_LOOKS = 1000
"""So often somebody may look whether it is held at the moment when it is taken."""


class SingleInstance:
    """A context that only one process on this machine can be in. The kernel ends it with the process, however that ends.

    The file holds a note for people about who is in; it is never read to decide anything, and never removed, because
    a removed lock file lets two processes lock two files of one name. Nobody else may open it: whoever can read a file can
    lock it, and so could keep us out.
    """

    def __init__(self, path: Path, *, who: str = "limpet agent") -> None:
        self._path = path
        self._who = who
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Raises: AlreadyRunning; HostError, when the lock file cannot be made."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HostError(f"cannot open the lock file {self._path}: {error.strerror}") from error
        if not _alone(descriptor):
            holder = _printable(os.pread(descriptor, _NOTE_LIMIT, 0))
            os.close(descriptor)
            raise AlreadyRunning(
                f"{self._path} is held by {holder or 'another process'}. Only one may run: stop that one first."
            )
        os.fchmod(descriptor, 0o600)  # one of an earlier version is open to all
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{self._who}, process {os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def hand_down(self) -> None:
        """Let the lock outlive this program's replacement by another one in the same process (exec)."""
        if self._descriptor is not None:
            os.set_inheritable(self._descriptor, True)

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _alone(descriptor: int) -> bool:
    """Lock the file, unless somebody is in. Who only looks (`is_held`) shares it for a moment: that is no reason to refuse."""
    for _ in range(_LOOKS):
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.sched_yield()
    return False


def _printable(note: bytes) -> str:
    return "".join(
        character for character in note.decode("utf-8", "replace").strip() if character.isprintable()
    )


def is_held(path: Path) -> bool:
    """Whether a process is in the context of this lock file. Raises: HostError, when it cannot be asked."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise HostError(f"cannot open the lock file {path}: {error.strerror}. Only root can look.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
