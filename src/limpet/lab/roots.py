"""A throw-away root: an overlay over read-only layers, whose changes live in memory and go with it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from limpet.lab.commands import LabError, run
from limpet.lab.mounts import unmount

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_LINKS = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Root:
    """folder: where it is mounted. changes: what was written to it, as an overlay's upper layer."""

    folder: Path
    changes: Path


@contextmanager
def throw_away_root(layers: Sequence[Path], place: Path) -> Iterator[Root]:
    """Mount an overlay over `layers`, the first one on top, and unmount it at the end.

    place: an empty folder in memory for its changes. Raises: LabError.
    """
    changes, work, folder = (place / name for name in ("changes", "work", "root"))
    for each in (changes, work, folder):
        each.mkdir(parents=True)
    options = f"lowerdir={':'.join(map(str, layers))},upperdir={changes},workdir={work}"
    run(["mount", "-t", "overlay", "-o", options, "overlay", str(folder)]).checked()
    try:
        yield Root(folder=folder, changes=changes)
    finally:
        unmount(folder)


def within(root: Path, path: str | PurePosixPath) -> Path:
    """Where `path` of a root is for us: its links are followed as seen from inside, never out of it.

    The last part is not followed. Raises: LabError, for links in a circle.
    """
    todo = [part for part in reversed(PurePosixPath(path).parts) if part != "/"]
    here = PurePosixPath("/")
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            here = here.parent
            continue
        there = Path(root, *here.parts[1:], part)
        if todo and there.is_symlink():
            links += 1
            if links > MOST_LINKS:
                raise LabError(f"too many links in {path} of {root}")
            target = PurePosixPath(os.readlink(there))  # noqa: PTH115 - a Path would be taken as ours
            if target.is_absolute():
                here = PurePosixPath("/")
            todo += [step for step in reversed(target.parts) if step != "/"]
        else:
            here /= part
    return Path(root, *here.parts[1:])


def write(root: Path, path: str, content: str | bytes, *, mode: int = 0o644) -> None:
    """Put a file into a root, with the folders it needs; owned by root."""
    target = within(root, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content.encode() if isinstance(content, str) else content)
    target.chmod(mode)
