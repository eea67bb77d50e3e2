"""mkfs, mount, umount, swapon, swapoff, chmod: over the disks of fake_devices, with /proc/self/mountinfo and /proc/swaps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.mounts import read_mountinfo
from limpet.guest.signatures import HEAD, TAIL, signatures
from limpet.host.fake_commands import Said
from limpet.host.fake_devices import by_the_kernel, volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles, Node

_MOUNTS, _SWAPS = Path("/proc/self/mountinfo"), Path("/proc/swaps")
_SWAPS_HEAD = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
_DISCS = frozenset({"udf", "iso9660"})
_WRITTEN = {
    "ext4": (1024 + 56, b"\x53\xef" + bytes(34) + b"\x3c\0\0\0\xc2\2\0\0\x6b\4\0\0"),
    "ext3": (1024 + 56, b"\x53\xef" + bytes(34) + b"\x3c\0\0\0\2\0\0\0\1\0\0\0"),
    "xfs": (0, b"XFSB"),
    "btrfs": (65536 + 64, b"_BHRfS_M"),
}


def _maker(filesystem: str) -> Callable[[FakeFiles, Call], Said]:
    def mkfs(files: FakeFiles, call: Call) -> Said:
        """Wipe what was there, then write what makes it a file system, last."""
        path = Path(call.argv[-1])
        found = volume(files, path)
        if found is None:
            return Said(stderr=f"mkfs: {path}: No such file or directory", exit_code=1)
        disk, start, size = found
        if path in files.broken:
            return Said(stderr=f"mkfs: {path}: {files.broken[path]}", exit_code=1)
        disk.write(start, bytes(HEAD))
        disk.write(start + size - TAIL, bytes(TAIL))
        files.volumes.pop(path, None)
        files.before()
        offset, magic = _WRITTEN[filesystem]
        disk.write(start + offset, magic)
        return Said()

    return mkfs


def _mount(files: FakeFiles, call: Call) -> Said:
    """Mount(8) with -t and -o; the files of a volume appear, those below the mount point are not hidden."""
    words = list(call.argv[1:])
    kinds: list[str] = []
    while words and words[0].startswith("-"):
        option, value, *words = words
        kinds = value.split(",") if option == "-t" else kinds
    source, point = Path(words[0]), Path(words[1])
    folder = files.info(point)
    if folder is None or not folder.is_folder:
        return Said(stderr=f"mount: {point}: mount point does not exist.", exit_code=32)
    if source in files.broken:
        return Said(stderr=f"mount: {point}: can't read superblock on {source}.", exit_code=32)
    if files.info(source) is None:
        return Said(stderr=f"mount: {point}: special device {source} does not exist.", exit_code=32)
    held = _held(files, source)
    kind = next((kind for kind in kinds if kind in held), None)
    if kind is None:
        return Said(
            stderr=f"mount: {point}: wrong fs type, bad option, bad superblock on {source}.", exit_code=32
        )
    with by_the_kernel(files):
        number = _number(files, source)
        found = volume(files, source)
        if found is not None:
            files.rooms[point] = found[2] * 95 // 100
        _add(files, _MOUNTS, f"40 1 {number} / {point} rw,relatime - {kind} {source} rw\n")
        for inner, node in files.volumes.get(source, {}).items():
            files.make_folder((point / inner).parent)
            files.nodes[point / inner] = node
    return Said()


def _umount(files: FakeFiles, call: Call) -> Said:
    """Take a mount away with its files, which are there again when it is mounted anew."""
    point = Path(call.argv[-1])
    lines = _lines(files, _MOUNTS)
    here = [line for line in lines if read_mountinfo(line)[0].point == str(point)]
    if not here:
        return Said(stderr=f"umount: {point}: not mounted.", exit_code=32)
    inside: dict[Path, Node] = {
        path.relative_to(point): node for path, node in files.nodes.items() if point in path.parents
    }
    with by_the_kernel(files):
        files.volumes[Path(read_mountinfo(here[-1])[0].source)] = inside
        for path in inside:
            files.nodes.pop(point / path, None)
        lines.remove(here[-1])
        files.replace(_MOUNTS, "".join(lines).encode())
    return Said()


def _swapon(files: FakeFiles, call: Call) -> Said:
    path = Path(call.argv[-1])
    node = files.nodes.get(path)
    content = node.content if node is not None else None
    if content is None:
        return Said(stderr=f"swapon: cannot open {path}: No such file or directory", exit_code=255)
    if (
        content[4086:4096] != b"SWAPSPACE2"
        or int.from_bytes(content[1028:1032], "little") + 1 > len(content) // 4096
    ):
        return Said(stderr=f"swapon: {path}: read swap header failed", exit_code=255)
    with by_the_kernel(files):
        if not _lines(files, _SWAPS):
            _add(files, _SWAPS, _SWAPS_HEAD)
        _add(files, _SWAPS, f"{path} file {len(content) // 1024 - 4} 0 -2\n")
    return Said()


def _swapoff(files: FakeFiles, call: Call) -> Said:
    path = call.argv[-1]
    lines = _lines(files, _SWAPS)
    kept = [line for line in lines if line.split()[0] != path]
    if kept == lines:
        return Said(stderr=f"swapoff: {path}: swapoff failed: Invalid argument", exit_code=255)
    with by_the_kernel(files):
        files.replace(_SWAPS, "".join(kept).encode())
    return Said()


def _chmod(files: FakeFiles, call: Call) -> Said:
    path = Path(call.argv[2])
    files.replace(path, files.read(path, at_most=1 << 40), mode=int(call.argv[1], 8))
    return Said()


def _held(files: FakeFiles, source: Path) -> frozenset[str]:
    found = volume(files, source)
    if found is None:  # a drive: what it holds is given as files
        return _DISCS if source in files.volumes else frozenset()
    disk, start, size = found
    return frozenset(signatures(disk.read(start, min(HEAD, size)), disk.read(start + size - TAIL, TAIL)))


def _number(files: FakeFiles, source: Path) -> str:
    for disk in (source.name, *files.names(Path("/sys/block"))):
        for folder in (Path("/sys/block", disk), Path("/sys/block", disk, source.name)):
            if folder.name == source.name and files.info(folder / "dev") is not None:
                return files.read(folder / "dev", at_most=32).decode().strip()
    return "11:0"


def _lines(files: FakeFiles, path: Path) -> list[str]:
    if files.info(path) is None:
        return []
    return files.read(path, at_most=1 << 20).decode().splitlines(keepends=True)


def _add(files: FakeFiles, path: Path, line: str) -> None:
    files.make_folder(path.parent)
    files.replace(path, ("".join(_lines(files, path)) + line).encode())


PROGRAMS = {f"mkfs.{name}": _maker(name) for name in _WRITTEN} | {
    "mount": _mount,
    "umount": _umount,
    "swapon": _swapon,
    "swapoff": _swapoff,
    "chmod": _chmod,
}
