"""The file system in memory, with what it looks up again and again kept: a simulation asks it a million times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.host.fake_files import FakeFiles, Node

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class SwiftFiles(FakeFiles):
    """As FakeFiles. Its nodes are changed only by its own methods."""

    _places: dict[Path, Path] = field(default_factory=dict)
    _listed: dict[Path, list[str]] = field(default_factory=dict)

    def _real(self, path: Path) -> Path:
        found = self._places.get(path)
        if found is None:
            found = self._places[path] = super()._real(path)
        return found

    def names(self, folder: Path) -> list[str]:
        found = self._listed.get(folder)
        if found is None:
            found = self._listed[folder] = super().names(folder)
        return found

    def remove(self, path: Path) -> None:
        if path not in self.nodes and path not in self.broken and self._real(path) not in self.nodes:
            self.before()
            return
        super().remove(path)
        self._forget()

    def _put(self, place: Path, node: Node) -> None:
        if place not in self.nodes or node.target is not None:
            self._forget()
        super()._put(place, node)

    def _forget(self) -> None:
        self._places.clear()
        self._listed.clear()

    def _check(self, path: Path) -> None:
        if self.broken:
            super()._check(path)
