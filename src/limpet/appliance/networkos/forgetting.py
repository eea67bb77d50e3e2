"""What every driver's `forget` is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.steps import Remove, Task
from limpet.host.facts.reading import is_there

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from limpet.host.ports import Files


def forgotten(name: str, purpose: str, paths: Iterable[Path], files: Files) -> tuple[Task, ...]:
    """The task that removes those of these files and folders that are there; none when none is."""
    there = tuple(Remove(path=path) for path in paths if is_there(files, path))
    return (Task(name=name, purpose=purpose, steps=there),) if there else ()
