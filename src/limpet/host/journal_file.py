"""A file that only grows, on the disk with each line: the JournalFile port."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.ports import Files


class RealJournalFile:
    """One file, root's alone. Not shared between threads."""

    def __init__(self, files: Files, path: Path) -> None:
        self._files = files
        self._path = path

    def read(self, *, at_most: int) -> bytes:
        """All of it; empty where there is none. Raises: HostError, also when it is larger."""
        try:
            return self._files.read(self._path, at_most=at_most)
        except FileNotFoundError:
            return b""

    def append(self, content: bytes) -> None:
        """Add to its end, on the disk. Raises: HostError; what was added in part is taken off again as far as possible."""
        if self._files.info(self._path) is None:
            self.replace(content)
            return
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise HostError(f"cannot open the journal {self._path}: {error.strerror}") from error
        try:
            before = os.fstat(descriptor).st_size
            problem = _added(descriptor, content)
            if problem is not None:
                with suppress(OSError):
                    os.ftruncate(descriptor, before)
                raise HostError(f"cannot write to the journal {self._path}: {problem}")
        finally:
            os.close(descriptor)

    def replace(self, content: bytes) -> None:
        """Put `content` in its place, at once and whole. Raises: HostError."""
        self._files.make_folder(self._path.parent, mode=0o700)
        self._files.replace(self._path, content, mode=0o600)


def _added(descriptor: int, content: bytes) -> str | None:
    """Write and sync; gives what went wrong."""
    try:
        if os.write(descriptor, content) != len(content):
            return "No space left on device"
        os.fsync(descriptor)
    except OSError as error:
        return error.strerror
    return None
