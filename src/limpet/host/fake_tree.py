"""The names of a file system in memory: a mapping by path, which knows what is in a folder and which names are links."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """What a name stands for: a file with content, a link with a target, a block device, or else a folder."""

    content: bytes | None = None
    target: Path | None = None
    mode: int = 0o755
    modified: float = 0.0
    changed_ns: int = 0
    owner: tuple[int, int] = (0, 0)
    block: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.content is None and self.target is None and not self.block


class Tree(MutableMapping[Path, Node]):
    """As a dict of nodes by absolute path, in the order in which they were put in; it begins with the root.

    A path is looked up by its text: that is kept in it once it was asked for, and comparing two of them costs nothing.
    """

    def __init__(self) -> None:
        self.by_text: dict[str, Node] = {}
        self.links: set[str] = set()
        """The names that are symbolic links."""
        self.linked: tuple[str, ...] = ()
        """The folders of the root, each with its slash, below which there are links."""
        self._paths: dict[str, Path] = {}
        self._inside: dict[str, set[str]] = {}
        self[Path("/")] = Node()

    def __getitem__(self, path: Path) -> Node:
        try:
            return self.by_text[str(path)]
        except KeyError:
            raise KeyError(path) from None

    def __setitem__(self, path: Path, node: Node) -> None:
        text = str(path)
        if text not in self.by_text:
            self._paths[text] = path
            folder, _, name = text.rpartition("/")
            if name:
                self._inside.setdefault(folder or "/", set()).add(name)
        if node.target is not None:
            self.links.add(text)
            self._note_linked()
        elif text in self.links:
            self.links.discard(text)
            self._note_linked()
        self.by_text[text] = node

    def __delitem__(self, path: Path) -> None:
        text = str(path)
        if text not in self.by_text:
            raise KeyError(path)
        self._drop(text)

    def __iter__(self) -> Iterator[Path]:
        return iter(self._paths.values())

    def __len__(self) -> int:
        return len(self.by_text)

    def __contains__(self, path: object) -> bool:
        return str(path) in self.by_text

    def _note_linked(self) -> None:
        self.linked = tuple({f"/{text.split('/')[1]}/" for text in self.links})

    def at(self, path: Path) -> Node | None:
        """What is at a path; None where nothing is."""
        return self.by_text.get(str(path))

    def names(self, folder: Path) -> list[str]:
        """The names right in a folder, sorted."""
        return sorted(self._inside.get(str(folder), ()))

    def below(self, path: Path) -> list[tuple[Path, Node]]:
        """What is at a path, and all below it, what is in a folder behind the folder."""
        text = str(path)
        found = [(self._paths[text], self.by_text[text])] if text in self.by_text else []
        for name in sorted(self._inside.get(text, ())):
            found += self.below(Path(f"{'' if text == '/' else text}/{name}"))
        return found

    def remove(self, path: Path) -> None:
        """Take out what is at a path, and all below it."""
        self._remove(str(path))

    def _remove(self, text: str) -> None:
        for name in self._inside.pop(text, ()):
            self._remove(f"{'' if text == '/' else text}/{name}")
        if text in self.by_text:
            self._drop(text)

    def _drop(self, text: str) -> None:
        del self.by_text[text], self._paths[text]
        if text in self.links:
            self.links.discard(text)
            self._note_linked()
        folder, _, name = text.rpartition("/")
        names = self._inside.get(folder or "/")
        if names is not None:
            names.discard(name)
