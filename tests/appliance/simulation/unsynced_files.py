"""The file system in memory, with what it has not synced yet: a power cut takes some of that away.

A disk's file system keeps the order of what was done, and syncing one file brings all before it to the disk (as ext4 and xfs do):
so what is lost is always the last of what was not synced. What lives in memory is lost as a whole, by `World.power_on`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.host.fake_files import MEMORY, FakeFiles, Node

if TYPE_CHECKING:
    import random  # noqa: TID251 - seeded
    from pathlib import Path


@dataclass
class UnsyncedFiles(FakeFiles):
    """unsynced: what was there before each change that is not on the disk yet, in order; None for nothing."""

    unsynced: list[tuple[Path, Node | None]] = field(default_factory=list)

    def replace(
        self,
        path: Path,
        content: bytes,
        *,
        mode: int = 0o644,
        durable: bool = True,
        owner: tuple[int, int] | None = None,
        beneath: Path | None = None,
    ) -> None:
        super().replace(path, content, mode=mode, durable=durable, owner=owner, beneath=beneath)
        if durable and self.unsynced and _on_disk(path):
            self.sync()

    def copy(self, source: Path, destination: Path) -> None:
        super().copy(source, destination)
        self.sync()

    def allocate(self, path: Path, size: int, *, head: bytes = b"", written: bool = False) -> None:
        super().allocate(path, size, head=head, written=written)
        self.sync()

    def remove(self, path: Path) -> None:
        gone = self.nodes.below(path) if _on_disk(path) else []
        super().remove(path)
        self.unsynced += reversed(gone)

    def sync(self) -> None:
        """Everything is on the disk."""
        self.unsynced.clear()

    def lose(self, chance: random.Random) -> int:
        """The power is cut. Gives how many changes are lost."""
        lost = chance.randrange(len(self.unsynced) + 1)
        for _ in range(lost):
            place, before = self.unsynced.pop()
            if before is None:
                self.nodes.remove(place)
            else:
                self.nodes[place] = before
        self.unsynced.clear()
        return lost

    def _put(self, place: Path, node: Node) -> None:
        if _on_disk(place):
            self.unsynced.append((place, self.nodes.at(place)))
        super()._put(place, node)


def _on_disk(path: Path) -> bool:
    return not str(path).startswith(MEMORY)
