"""Folders that somebody else may have filled: they are walked part by part, and no link is followed."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STEP = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_START = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextlib.contextmanager
def folder(path: Path, beneath: Path) -> Iterator[int]:
    """A descriptor of the folder `path`, reached from `beneath` without any link. Raises: HostError."""
    try:
        here = os.open(beneath, _START)
        try:
            for part in _parts(path, beneath):
                here = _into(here, part)
        except BaseException:
            os.close(here)
            raise
    except OSError as error:
        raise HostError(f"cannot go to {path}: {_reason(error)}") from error
    except ValueError as error:
        raise HostError(f"cannot go to {path}: no folder can have this name") from error
    try:
        yield here
    finally:
        os.close(here)


def make_folder(path: Path, beneath: Path, mode: int, owner: tuple[int, int] | None) -> None:
    """Make a folder and its parents below `beneath`; those that are there stay as they are. Raises: OSError, HostError."""
    here = os.open(beneath, _START)
    try:
        for part in _parts(path, beneath):
            try:
                os.mkdir(part, 0o700, dir_fd=here)
            except FileExistsError:
                here = _into(here, part)
                continue
            here = _into(here, part)
            if owner is not None:
                os.fchown(here, *owner)
            os.fchmod(here, mode)
    finally:
        os.close(here)


def _parts(path: Path, beneath: Path) -> tuple[str, ...]:
    if ".." in path.parts or not path.is_relative_to(beneath):
        raise HostError(f"{path} is not below {beneath}")
    return path.relative_to(beneath).parts


def _into(here: int, part: str) -> int:
    there = os.open(part, _STEP, dir_fd=here)
    os.close(here)
    return there


def _reason(error: OSError) -> str:
    return (
        "there is a link or no folder on the way"
        if isinstance(error, NotADirectoryError)
        else str(error.strerror)
    )
