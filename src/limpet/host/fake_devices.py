"""Block devices in memory: the Devices port for tests. What is on them is kept where it was written, so that disks may be large."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.partition_table import MIB, partition_name, read_table
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from limpet.host.fake_files import FakeFiles

_CHUNK = 4096


@dataclass
class Disk:
    """size, block: bytes. chunks: what is not zero, by number. number: major and minor, as the kernel writes them."""

    size: int
    block: int = 512
    number: str = "8:16"
    chunks: dict[int, bytes] = field(default_factory=dict)

    def read(self, offset: int, size: int) -> bytes:
        """What is there; fewer bytes at the end."""
        size = max(0, min(size, self.size - offset))
        first, last = offset // _CHUNK, (offset + size + _CHUNK - 1) // _CHUNK
        content = b"".join(self.chunks.get(index, bytes(_CHUNK)) for index in range(first, last))
        return content[offset - first * _CHUNK :][:size]

    def write(self, offset: int, content: bytes) -> None:
        """Put it there."""
        first, last = offset // _CHUNK, (offset + len(content) + _CHUNK - 1) // _CHUNK
        around = bytearray(
            self.read(first * _CHUNK, (last - first) * _CHUNK).ljust((last - first) * _CHUNK, b"\0")
        )
        around[offset - first * _CHUNK : offset - first * _CHUNK + len(content)] = content
        for index in range(first, last):
            chunk = bytes(around[(index - first) * _CHUNK : (index - first + 1) * _CHUNK])
            if any(chunk):
                self.chunks[index] = chunk
            else:
                self.chunks.pop(index, None)


@dataclass
class FakeDevices:
    """The devices of a fake machine's files. ejected: drives that were opened. before: called before each change."""

    files: FakeFiles
    ejected: list[Path] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def read(self, path: Path, offset: int, size: int) -> bytes:
        """`size` bytes of a block device from `offset` on; fewer at its end. Raises: HostError, with the system's reason."""
        return self._disk(path, "read").read(offset, size)

    def write(self, path: Path, pieces: Sequence[tuple[int, bytes]], *, table: bool = False) -> None:
        """Write pieces; a power cut leaves some of their blocks. Raises: HostError."""
        disk = self._disk(path, "write to")
        for offset, content in pieces:
            for at in range(0, len(content), _CHUNK):
                self.before()
                disk.write(offset + at, content[at : at + _CHUNK])
        if table:
            self.before()
            with by_the_kernel(self.files):
                show_partitions(self.files, path)

    def eject(self, path: Path) -> None:
        """Open the drive. Raises: HostError."""
        self.before()
        self.ejected.append(path)

    def _disk(self, path: Path, doing: str) -> Disk:
        if path in self.files.broken:
            raise HostError(f"cannot {doing} {path}: {self.files.broken[path]}")
        if path not in self.files.disks:
            raise HostError(f"cannot {doing} {path}: No such file or directory")
        return self.files.disks[path]


@contextmanager
def by_the_kernel(files: FakeFiles) -> Iterator[None]:
    """No power cut comes before a change here: the kernel changes its own trees, or a program does something as one change."""
    before, files.before = files.before, lambda: None
    try:
        yield
    finally:
        files.before = before


def show_disk(files: FakeFiles, path: Path, disk: Disk) -> None:
    """Plug a disk in: its node, and the kernel's description of it in /sys/block."""
    files.disks[path] = disk
    files.block_device(path)
    folder = Path("/sys/block", path.name)
    _show(
        files,
        folder,
        {"size": disk.size // 512, "dev": disk.number, "ro": 0, "queue/logical_block_size": disk.block},
    )
    files.make_folder(folder / "holders")
    show_partitions(files, path)


def show_partitions(files: FakeFiles, path: Path) -> None:
    """What the kernel does when it reads a partition table."""
    disk, folder = files.disks[path], Path("/sys/block", path.name)
    for name in files.names(folder):
        if name.startswith(path.name):
            files.remove(folder / name)
            files.remove(path.parent / name)
    table = read_table(disk.read(0, MIB), size=disk.size, block=disk.block)
    major, _, minor = disk.number.partition(":")
    for entry in table.entries if table and not table.damaged else ():
        name = partition_name(path.name, entry.number)
        number = f"{major}:{int(minor) + entry.number}"
        facts: dict[str, int | str] = {
            "partition": entry.number,
            "start": entry.start // 512,
            "size": entry.size // 512,
            "dev": number,
        }
        _show(files, folder / name, facts)
        files.make_folder(folder / name / "holders")
        files.block_device(path.parent / name)


def volume(files: FakeFiles, path: Path) -> tuple[Disk, int, int] | None:
    """The disk that a device is on, where it begins there and how many bytes it has; None where there is none."""
    if path in files.disks:
        return files.disks[path], 0, files.disks[path].size
    for whole, disk in files.disks.items():
        folder = Path("/sys/block", whole.name, path.name)
        if files.info(folder / "start") is not None:
            start, size = (int(files.read(folder / name, at_most=32)) * 512 for name in ("start", "size"))
            return disk, start, size
    return None


def _show(files: FakeFiles, folder: Path, facts: Mapping[str, int | str]) -> None:
    for name, value in facts.items():
        files.make_folder((folder / name).parent)
        files.replace(folder / name, f"{value}\n".encode())
