"""Files below one folder, for reading only, when somebody else may have filled it: no link there is followed."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host import trusted
from limpet.host.files import RealFiles
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.host.ports import FileInfo


class FilesBeneath(RealFiles):
    """The file system as far as it is below `root`, for reading only; elsewhere nothing is found."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: Path, *, at_most: int) -> bytes:
        """The content of a regular file. Raises: FileNotFoundError, HostError when larger or not a regular file."""
        with self._reached(path.parent) as parent:
            return super().read(parent / path.name, at_most=at_most)

    def info(self, path: Path) -> FileInfo | None:
        """What is at `path`; None where nothing is. Raises: HostError."""
        try:
            with self._reached(path.parent) as parent:
                return super().info(parent / path.name)
        except FileNotFoundError:
            return None

    def names(self, folder: Path) -> list[str]:
        """The names in a folder, sorted; empty where there is none. Raises: HostError."""
        try:
            with self._reached(folder) as reached:
                return super().names(reached / ".")
        except FileNotFoundError:
            return []

    @contextmanager
    def _reached(self, folder: Path) -> Iterator[Path]:
        """A name of the folder that leads there whatever is put in its way. Raises: FileNotFoundError, HostError."""
        try:
            with trusted.folder(folder, self._root) as descriptor:
                yield Path(f"/proc/self/fd/{descriptor}")
        except HostError as error:
            if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                raise FileNotFoundError(str(folder)) from error
            raise
