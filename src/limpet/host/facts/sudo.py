"""The rules of sudo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.sudo import RULES, RULES_MODE, SudoFacts
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.ports import Files

_LARGEST = 1024 * 1024


def look(files: Files, folder: Path) -> SudoFacts:
    """Read them. folder: accounts.sudoers_dir."""
    try:
        rules, rules_mode = _file(files, folder / RULES)
        main, main_mode = _file(files, folder.parent / "sudoers")
        there = files.info(folder)
    except HostError as error:
        return SudoFacts(folder=folder, problem=str(error))
    return SudoFacts(
        folder=folder,
        folder_exists=there is not None,
        rules=rules,
        rules_mode=rules_mode,
        main=main,
        main_mode=main_mode,
    )


def _file(files: Files, path: Path) -> tuple[bytes | None, int]:
    """Raises: HostError."""
    info = files.info(path)
    if info is None:
        return None, RULES_MODE
    try:
        return files.read(path, at_most=_LARGEST), info.mode
    except FileNotFoundError:
        return None, RULES_MODE
