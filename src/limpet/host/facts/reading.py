"""Small reads for facts: a file's bytes or text, the names in a folder; None or nothing where it cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.ports import Files

SMALL = 64 * 1024
"""The kernel says of each of its files that it has a page, which is 64 KiB on some ARM kernels."""


def bytes_of(files: Files, path: Path, *, at_most: int = SMALL) -> bytes | None:
    """The content of a file; None where there is none, or none that can be read."""
    try:
        return files.read(path, at_most=at_most)
    except (FileNotFoundError, HostError):
        return None


def text_of(files: Files, path: Path, *, at_most: int = SMALL) -> str | None:
    """Its text without the white space around it; None where there is none that can be read."""
    content = bytes_of(files, path, at_most=at_most)
    return None if content is None else content.decode("utf-8", "replace").strip()


def whole_text_of(files: Files, path: Path, *, at_most: int) -> str | None:
    """Its text to the letter, with bytes that are not UTF-8 as surrogates, for text that is written again; None as above."""
    content = bytes_of(files, path, at_most=at_most)
    return None if content is None else content.decode("utf-8", "surrogateescape")


def is_there(files: Files, path: Path) -> bool:
    """Whether anything is at `path`; a link that leads nowhere counts."""
    try:
        return files.info(path) is not None
    except HostError:
        return False


def names_in(files: Files, folder: Path) -> list[str]:
    """The names in a folder; none where it cannot be listed."""
    try:
        return files.names(folder)
    except HostError:
        return []
