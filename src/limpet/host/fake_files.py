"""A file system in memory: the Files port for tests."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from functools import lru_cache
from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.fake_tree import Node, Tree
from limpet.host.ports import FileInfo
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.host.fake_devices import Disk
    from limpet.host.ports import Clock

__all__ = ["MEMORY", "FakeFiles", "Node"]

_MOST_LINKS = 16
MEMORY = ("/proc/", "/sys/", "/run/", "/dev/")
"""What is never full with the disk."""


@dataclass
class FakeFiles:
    """Behaves as RealFiles does; tests/contract compares them.

    nodes: everything by its absolute path. broken: operations on these paths raise HostError with the reason given,
    as on a bad disk. full: whether every write to the disk finds it full. before: called before each change; it may cut the power.
    pokes: what was written to the kernel's settings and to devices, in order. rooms: bytes that are free, by folder.
    disks: what is on block devices, below file systems. volumes: the files that appear when a device is mounted.
    """

    clock: Clock
    nodes: Tree = field(default_factory=Tree)
    broken: dict[Path, str] = field(default_factory=dict)
    full: bool = False
    before: Callable[[], None] = lambda: None
    pokes: list[tuple[Path, bytes]] = field(default_factory=list)
    rooms: dict[Path, int] = field(default_factory=dict)
    disks: dict[Path, Disk] = field(default_factory=dict)
    volumes: dict[Path, dict[Path, Node]] = field(default_factory=dict)
    _changes: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _infos: dict[str, tuple[Node, FileInfo]] = field(default_factory=dict)

    def link(self, path: Path, target: Path) -> None:
        """Put a symbolic link at `path`, as a handler might."""
        self._parent(path, self._real(path))
        self._put(self._real(path), Node(target=target, mode=0o777, changed_ns=next(self._changes)))

    def read(self, path: Path, *, at_most: int) -> bytes:
        """The content of a regular file. Raises: FileNotFoundError, HostError when larger or not a regular file."""
        content = self._file(path).content or b""
        if len(content) > at_most:
            raise HostError(f"{path} has {len(content)} bytes; at most {at_most} are accepted")
        return content

    def block_device(self, path: Path) -> None:
        """Put a block device at `path`."""
        self.make_folder(path.parent)
        self._put(path, Node(block=True, mode=0o660, changed_ns=next(self._changes)))

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
        """Put `content` at `path`. Raises: HostError."""
        del durable
        self.before()
        self._refuse_links(path.parent, beneath)
        place = self._writable(path)
        here = self.nodes.at(place)
        if here is not None and here.is_folder:
            raise HostError(f"cannot write {path}: Is a directory")
        self._put(place, self._made(content, mode, owner or (0, 0)))

    def info(self, path: Path) -> FileInfo | None:
        """What is at `path`; None where nothing is."""
        text = self._text(path)
        node = self.nodes.by_text.get(text)
        if node is None:
            return None
        known = self._infos.get(text)
        if known is None or known[0] is not node:
            known = self._infos[text] = (node, _info(node))
        return known[1]

    def names(self, folder: Path) -> list[str]:
        """The names in a folder, sorted; empty where there is none."""
        self._check(folder)
        return self.nodes.names(self._folder(folder))

    def make_folder(
        self,
        path: Path,
        *,
        mode: int = 0o755,
        owner: tuple[int, int] | None = None,
        beneath: Path | None = None,
    ) -> None:
        """Make a folder and its parents; an existing one keeps its mode and owner. Raises: HostError."""
        self.before()
        self._refuse_links(path, beneath)
        self._check(path)
        place = self._folder(path)
        here = self.nodes.at(place)
        if here is not None and here.is_folder:
            return
        for parent in [*reversed(place.parents), place]:
            node = self.nodes.at(parent)
            if node is None:
                ours = parent == place or (beneath is not None and beneath in parent.parents)
                self._put(
                    parent,
                    Node(
                        mode=mode if ours else 0o755,
                        modified=self.clock.now(),
                        changed_ns=next(self._changes),
                        owner=(owner or (0, 0)) if ours else (0, 0),
                    ),
                )
            elif not node.is_folder:
                raise HostError(f"cannot make the folder {path}: something else is there")

    def remove(self, path: Path) -> None:
        """Remove a file, a link, or a folder with all in it; nothing happens where nothing is."""
        self.before()
        self._check(path)
        self.nodes.remove(self._real(path))

    def copy(self, source: Path, destination: Path) -> None:
        """Copy a regular file with its mode and times. Raises: FileNotFoundError, HostError."""
        self.before()
        self._put(self._writable(destination), replace(self._file(source), changed_ns=next(self._changes)))

    def append(self, path: Path, content: bytes, *, at_most: int) -> None:
        """Add to a log; when it would grow past `at_most` bytes its head is dropped at a line boundary."""
        self.before()
        place = self._writable(path)
        node = self._file(path) if place in self.nodes else None
        old = (node.content or b"") if node is not None else b""
        if len(old) + len(content) > at_most:
            room = min(at_most // 2, max(0, at_most - len(content)))
            _, _, old = old[-room - 1 :].partition(b"\n") if room else (b"", b"", b"")
        new = (old + content)[-at_most:]
        self._put(
            place,
            self._made(new, 0o644 if node is None else node.mode, (0, 0) if node is None else node.owner),
        )

    def target(self, path: Path) -> Path | None:
        """What a symbolic link says, unresolved; None where there is none."""
        self._check(path)
        node = self.nodes.at(self._real(path))
        return None if node is None else node.target

    def poke(self, path: Path, content: bytes) -> None:
        """Write to a setting of the kernel, which takes what is written, or to a device. Raises: HostError."""
        self.before()
        self._check(path)
        place = self._real(path)
        node = self.nodes.at(place)
        if node is None or node.is_folder:
            raise HostError(f"cannot set {path}: {'Is a directory' if node else 'No such file or directory'}")
        self.pokes.append((path, content))
        if node.content is not None:
            self._put(place, replace(node, content=content, changed_ns=next(self._changes)))

    def allocate(self, path: Path, size: int, *, head: bytes = b"", written: bool = False) -> None:
        """Make a file of `size` bytes, mode 0600; a power cut may leave a shorter one. Raises: HostError."""
        del written
        self.before()
        place = self._writable(path)
        node = self.nodes.at(place)
        if (
            node is not None
            and node.content is not None
            and len(node.content) == size
            and node.content.startswith(head)
        ):
            self._put(place, replace(node, mode=0o600, owner=(0, 0), changed_ns=next(self._changes)))
            return
        if size > self.room(path):
            raise HostError(f"cannot allocate {path}: No space left on device")
        self._put(place, self._made(_zeros(size // 2), 0o600, (0, 0)))
        self.before()
        self._put(place, self._made(head + _zeros(size - len(head)), 0o600, (0, 0)))

    def room(self, path: Path) -> int:
        """Bytes that are free in the file system that `path` is in."""
        if not self.rooms:
            return 1 << 40
        return next((self.rooms[each] for each in (path, *path.parents) if each in self.rooms), 1 << 40)

    def _refuse_links(self, path: Path, beneath: Path | None) -> None:
        if beneath is None:
            return
        if not path.is_relative_to(beneath) or ".." in path.parts:
            raise HostError(f"{path} is not below {beneath}")
        for each in (path, *path.parents):
            node = self.nodes.at(each)
            if beneath in each.parents and node is not None and not node.is_folder:
                raise HostError(f"cannot go to {path}: there is a link or no folder on the way")

    def _made(self, content: bytes, mode: int, owner: tuple[int, int]) -> Node:
        return Node(
            content=content,
            mode=mode,
            modified=self.clock.now(),
            changed_ns=next(self._changes),
            owner=owner,
        )

    def _put(self, place: Path, node: Node) -> None:
        self.nodes[place] = node

    def _file(self, path: Path) -> Node:
        node = self.nodes.by_text.get(self._text(path))
        if node is None:
            raise FileNotFoundError(2, "No such file or directory", str(path))
        if node.content is None:
            raise HostError(
                f"{path} is {'a folder' if node.is_folder else 'a symbolic link'}, not a regular file"
            )
        return node

    def _writable(self, path: Path) -> Path:
        self._check(path)
        if self.full and not str(path).startswith(MEMORY):
            raise HostError(f"cannot write {path}: No space left on device")
        place = self._real(path)
        self._parent(path, place)
        return place

    def _parent(self, path: Path, place: Path) -> None:
        folder = self.nodes.by_text.get(str(place).rpartition("/")[0] or "/")
        if folder is None or not folder.is_folder:
            raise HostError(f"cannot write {path}: No such file or directory")

    def _check(self, path: Path) -> None:
        text = str(path)
        if "\0" in text or (not text.isascii() and any("\ud800" <= letter < "\udc80" for letter in text)):
            raise HostError(f"{path}: no file can have this name")
        if self.broken and path in self.broken:
            raise HostError(f"{path}: {self.broken[path]}")

    def _text(self, path: Path) -> str:
        """As `_check` and `_real`, for what is only looked up."""
        text = str(path)
        if not text.isascii() or "\0" in text or self.broken:
            self._check(path)
        return str(self._real(path)) if text.startswith(self.nodes.linked) else text

    def _folder(self, path: Path) -> Path:
        """`path` with all links followed, the last name too."""
        return self._real(path / "x").parent if f"{path}/".startswith(self.nodes.linked) else path

    def _real(self, path: Path) -> Path:
        """`path` with links among its parents followed, the last name not."""
        if not str(path).startswith(self.nodes.linked):
            return path
        for _ in range(_MOST_LINKS):
            link = self._first_link(str(path))
            if link is None:
                return path
            parent = Path(link)
            target = self.nodes[parent].target or parent
            path = Path(normpath(parent.parent / target)) / path.relative_to(parent)
        raise HostError(f"{path}: Too many levels of symbolic links")

    def _first_link(self, text: str) -> str | None:
        """The first of its parents that is a link."""
        links, end = self.nodes.links, text.find("/", 1)
        while end > 0:
            if text[:end] in links:
                return text[:end]
            end = text.find("/", end + 1)
        return None


@lru_cache(4)
def _zeros(count: int) -> bytes:
    """Some are megabytes, and the same again and again."""
    return bytes(count)


def _info(node: Node) -> FileInfo:
    return FileInfo(
        size=len(node.content or b""),
        mode=node.mode,
        modified=node.modified,
        changed_ns=node.changed_ns,
        is_file=node.content is not None,
        is_folder=node.is_folder,
        is_link=node.target is not None,
        is_block=node.block,
        uid=node.owner[0],
        gid=node.owner[1],
    )
