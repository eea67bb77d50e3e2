"""A file system in memory: the Files port for tests."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.ports import FileInfo
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.host.fake_devices import Disk
    from limpet.host.ports import Clock

_MOST_LINKS = 16
_MEMORY = (("proc",), ("sys",), ("run",), ("dev",))
"""What is never full with the disk."""


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


@dataclass
class FakeFiles:
    """Behaves as RealFiles does; tests/contract compares them.

    nodes: everything by its absolute path. broken: operations on these paths raise HostError with the reason given,
    as on a bad disk. full: whether every write to the disk finds it full. before: called before each change; it may cut the power.
    pokes: what was written to the kernel's settings and to devices, in order. rooms: bytes that are free, by folder.
    disks: what is on block devices, below file systems. volumes: the files that appear when a device is mounted.
    """

    clock: Clock
    nodes: dict[Path, Node] = field(default_factory=lambda: {Path("/"): Node()})
    broken: dict[Path, str] = field(default_factory=dict)
    full: bool = False
    before: Callable[[], None] = lambda: None
    pokes: list[tuple[Path, bytes]] = field(default_factory=list)
    rooms: dict[Path, int] = field(default_factory=dict)
    disks: dict[Path, Disk] = field(default_factory=dict)
    volumes: dict[Path, dict[Path, Node]] = field(default_factory=dict)
    _changes: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def link(self, path: Path, target: Path) -> None:
        """Put a symbolic link at `path`, as a handler might."""
        self._parent(path)
        self._put(self._real(path), Node(target=target, mode=0o777))

    def read(self, path: Path, *, at_most: int) -> bytes:
        """The content of a regular file. Raises: FileNotFoundError, HostError when larger or not a regular file."""
        content = self._file(path).content or b""
        if len(content) > at_most:
            raise HostError(f"{path} has {len(content)} bytes; at most {at_most} are accepted")
        return content

    def block_device(self, path: Path) -> None:
        """Put a block device at `path`."""
        self.make_folder(path.parent)
        self._put(path, Node(block=True, mode=0o660))

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
        here = self.nodes.get(place)
        if here is not None and here.is_folder:
            raise HostError(f"cannot write {path}: Is a directory")
        self._put(place, Node(content=content, mode=mode, modified=self.clock.now(), owner=owner or (0, 0)))

    def info(self, path: Path) -> FileInfo | None:
        """What is at `path`; None where nothing is."""
        self._check(path)
        node = self.nodes.get(self._real(path))
        if node is None:
            return None
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

    def names(self, folder: Path) -> list[str]:
        """The names in a folder, sorted; empty where there is none."""
        self._check(folder)
        place = self._real(folder / "x").parent
        return sorted(path.name for path in self.nodes if path.parent == place and path != place)

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
        place = self._real(path / "x").parent
        for parent in [*reversed(place.parents), place]:
            node = self.nodes.get(parent)
            if node is None:
                ours = parent == place or (beneath is not None and beneath in parent.parents)
                self._put(
                    parent,
                    Node(
                        mode=mode if ours else 0o755,
                        modified=self.clock.now(),
                        owner=(owner or (0, 0)) if ours else (0, 0),
                    ),
                )
            elif not node.is_folder:
                raise HostError(f"cannot make the folder {path}: something else is there")

    def remove(self, path: Path) -> None:
        """Remove a file, a link, or a folder with all in it; nothing happens where nothing is."""
        self.before()
        self._check(path)
        place = self._real(path)
        for each in [each for each in self.nodes if each == place or place in each.parents]:
            del self.nodes[each]

    def copy(self, source: Path, destination: Path) -> None:
        """Copy a regular file with its mode and times. Raises: FileNotFoundError, HostError."""
        self.before()
        self._put(self._writable(destination), replace(self._file(source)))

    def append(self, path: Path, content: bytes, *, at_most: int) -> None:
        """Add to a log; when it would grow past `at_most` bytes its head is dropped at a line boundary."""
        self.before()
        place = self._writable(path)
        node = self._file(path) if place in self.nodes else Node(content=b"", mode=0o644)
        old = node.content or b""
        if len(old) + len(content) > at_most:
            room = min(at_most // 2, max(0, at_most - len(content)))
            _, _, old = old[-room - 1 :].partition(b"\n") if room else (b"", b"", b"")
        new = (old + content)[-at_most:]
        self._put(place, replace(node, content=new, modified=self.clock.now()))

    def target(self, path: Path) -> Path | None:
        """What a symbolic link says, unresolved; None where there is none."""
        self._check(path)
        node = self.nodes.get(self._real(path))
        return None if node is None else node.target

    def poke(self, path: Path, content: bytes) -> None:
        """Write to a setting of the kernel, which takes what is written, or to a device. Raises: HostError."""
        self.before()
        self._check(path)
        place = self._real(path)
        node = self.nodes.get(place)
        if node is None or node.is_folder:
            raise HostError(f"cannot set {path}: {'Is a directory' if node else 'No such file or directory'}")
        self.pokes.append((path, content))
        if node.content is not None:
            self._put(place, replace(node, content=content))

    def allocate(self, path: Path, size: int, *, head: bytes = b"", written: bool = False) -> None:
        """Make a file of `size` bytes, mode 0600; a power cut may leave a shorter one. Raises: HostError."""
        del written
        self.before()
        place = self._writable(path)
        node = self.nodes.get(place)
        if (
            node is not None
            and node.content is not None
            and len(node.content) == size
            and node.content.startswith(head)
        ):
            self._put(place, replace(node, mode=0o600, owner=(0, 0)))
            return
        if size > self.room(path):
            raise HostError(f"cannot allocate {path}: No space left on device")
        self._put(place, Node(content=bytes(size // 2), mode=0o600, modified=self.clock.now()))
        self.before()
        self._put(place, Node(content=head + bytes(size - len(head)), mode=0o600, modified=self.clock.now()))

    def room(self, path: Path) -> int:
        """Bytes that are free in the file system that `path` is in."""
        return next((self.rooms[each] for each in (path, *path.parents) if each in self.rooms), 1 << 40)

    def _refuse_links(self, path: Path, beneath: Path | None) -> None:
        if beneath is None:
            return
        if not path.is_relative_to(beneath) or ".." in path.parts:
            raise HostError(f"{path} is not below {beneath}")
        for each in (path, *path.parents):
            node = self.nodes.get(each)
            if beneath in each.parents and node is not None and not node.is_folder:
                raise HostError(f"cannot go to {path}: there is a link or no folder on the way")

    def _put(self, place: Path, node: Node) -> None:
        self.nodes[place] = replace(node, changed_ns=next(self._changes))

    def _file(self, path: Path) -> Node:
        self._check(path)
        node = self.nodes.get(self._real(path))
        if node is None:
            raise FileNotFoundError(2, "No such file or directory", str(path))
        if node.content is None:
            raise HostError(
                f"{path} is {'a folder' if node.is_folder else 'a symbolic link'}, not a regular file"
            )
        return node

    def _writable(self, path: Path) -> Path:
        self._check(path)
        if self.full and path.parts[1:2] not in _MEMORY:
            raise HostError(f"cannot write {path}: No space left on device")
        self._parent(path)
        return self._real(path)

    def _parent(self, path: Path) -> None:
        parent = self.nodes.get(self._real(path).parent)
        if parent is None or not parent.is_folder:
            raise HostError(f"cannot write {path}: No such file or directory")

    def _check(self, path: Path) -> None:
        if "\0" in str(path) or any("\ud800" <= letter < "\udc80" for letter in str(path)):
            raise HostError(f"{path}: no file can have this name")
        if path in self.broken:
            raise HostError(f"{path}: {self.broken[path]}")

    def _real(self, path: Path) -> Path:
        """`path` with links among its parents followed, the last name not."""
        for _ in range(_MOST_LINKS):
            for parent in reversed(path.parents):
                target = self.nodes[parent].target if parent in self.nodes else None
                if target is not None:
                    path = Path(normpath(parent.parent / target)) / path.relative_to(parent)
                    break
            else:
                return path
        raise HostError(f"{path}: Too many levels of symbolic links")
