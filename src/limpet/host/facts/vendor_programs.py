"""A vendor's own programs: which are there, and whether nobody but root can have changed them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from limpet.host.ports import FileInfo, Files

_OTHERS_WRITE = 0o022
_STICKY = 0o1000
_RUNNABLE = 0o100


@dataclass(frozen=True, kw_only=True, slots=True)
class VendorPrograms:
    """folder: where they are. found: the names of those that can be run. problems: by name, why one must not be run, or cannot be.

    problem: what is wrong with the folder; none of them is run then. strangers: names of which nothing is known here.
    """

    folder: Path
    found: frozenset[str] = frozenset()
    problems: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None
    strangers: tuple[str, ...] = ()


def look(folder: Path, names: Iterable[str], files: Files) -> VendorPrograms:
    """Look at the programs of these names. Raises: HostError, when the folder cannot be looked at."""
    problem = _problem_of_folder(folder, files)
    if problem is not None:
        return VendorPrograms(folder=folder, problem=problem)
    known = set(names)
    there = files.names(folder)
    found, problems = set(), {}
    linked = {str(_target(folder / name, files)) for name in known & set(there)}
    for name in sorted(known & set(there)):
        why = _problem_of_program(folder, name, files)
        if why is None:
            found.add(name)
        else:
            problems[name] = why
    return VendorPrograms(
        folder=folder,
        found=frozenset(found),
        problems=problems,
        strangers=tuple(name for name in there if name not in known | linked),
    )


def _target(path: Path, files: Files) -> Path | None:
    info = files.info(path)
    return files.target(path) if info is not None and info.is_link else None


def _problem_of_folder(folder: Path, files: Files) -> str | None:
    for place in (folder, *folder.parents):
        info = files.info(place)
        if info is None and place == folder:
            return f"there is no folder {folder}"
        if info is None:
            continue
        if info.is_link:
            return f"{place} is a link: name the folder that it leads to"
        if not info.is_folder:
            return f"{place} is no folder"
        if (who := _others(info)) is not None and not (place != folder and info.mode & _STICKY):
            return f"{place} {who}, so its content cannot be trusted"
    return None


def _problem_of_program(folder: Path, name: str, files: Files) -> str | None:
    path = folder / name
    info = files.info(path)
    if info is not None and info.is_link:
        target = files.target(path)
        if target is None or len(target.parts) != 1 or str(target) in {".", ".."}:
            return f"{path} is a link out of its folder"
        path = folder / target
        info = files.info(path)
    if info is None:
        return f"there is no {path}"
    if not info.is_file:
        return f"{path} is no file"
    if (who := _others(info)) is not None:
        return f"{path} {who}, so it is not run"
    if not info.mode & _RUNNABLE:
        return f"{path} is not executable (chmod 755)"
    return None


def _others(info: FileInfo) -> str | None:
    """Who but root can change it; None: nobody."""
    if info.uid != 0:
        return f"belongs to user {info.uid} instead of root"
    if info.mode & _OTHERS_WRITE:
        return "can be written by others than root"
    return None
