"""limpet as a layer over each tree, made when the first test asks for it and kept for all of them: it takes seconds."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from limpet.lab.install import limpet_layer
from limpet.lab.workspace import workspace

if TYPE_CHECKING:
    from pathlib import Path


class Layers:
    """`close` it after the last test."""

    def __init__(self) -> None:
        self._until_the_end = ExitStack()
        self._made: dict[Path, Path] = {}

    def over(self, tree: Path) -> list[Path]:
        """What a machine's root is made of, the layer with limpet on top. Raises: LabError."""
        if tree not in self._made:
            self._made[tree] = limpet_layer(tree, self._until_the_end.enter_context(workspace()))
        return [self._made[tree], tree]

    def close(self) -> None:
        """Let them go."""
        self._made.clear()
        self._until_the_end.close()


LAYERS = Layers()
