"""The resource disk on real block devices, with the programs and the kernel of this machine."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from limpet.guest.resource_disk import MAKERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.system

PROGRAM = Path(__file__).with_name("on_a_disk.py")
MIB = 1024 * 1024
SIZE = 512 * MIB
FILESYSTEMS = [
    pytest.param(name, marks=pytest.mark.skipif(shutil.which(maker[0]) is None, reason=f"no {maker[0]}"))
    for name, maker in MAKERS.items()
]


def known_to_the_kernel(filesystem: str) -> bool:
    """Whether it can be mounted here; asking loads the module, where there is one."""
    if shutil.which("modprobe") is not None:
        subprocess.run(["modprobe", "--quiet", filesystem], check=False, timeout=60)
    return f"\t{filesystem}\n" in Path("/proc/filesystems").read_text(encoding="ascii")


def run(*argv: str | Path, stdin: str = "") -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def digest(image: Path) -> str:
    with image.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class LoopDisk:
    """A disk over a file. Mounts are the child's alone: to the disk, every run is a boot."""

    def __init__(self, image: Path, block: int = 512) -> None:
        self.image = image
        self.name = (
            run("losetup", "--find", "--show", "--partscan", "--sector-size", str(block), image)
            .strip()
            .removeprefix("/dev/")
        )

    def boot(self, filesystem: str = "ext4", *, swap: int = 0, most: int = 100) -> dict[str, Any]:
        point = self.image.parent / "mnt"
        command = (sys.executable, PROGRAM, self.name, filesystem, point, str(swap), str(most))
        found: dict[str, Any] = json.loads(run("unshare", "--mount", "--propagation", "private", *command))
        return found

    def close(self) -> None:
        run("losetup", "--detach", f"/dev/{self.name}")


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Callable[..., LoopDisk]]:
    made: list[LoopDisk] = []

    def make(
        prepare: Callable[[Path], None] = lambda _image: None, size: int = SIZE, block: int = 512
    ) -> LoopDisk:
        image = tmp_path / f"disk{len(made)}"
        with image.open("wb") as file:
            file.truncate(size)
        prepare(image)
        made.append(LoopDisk(image, block))
        return made[-1]

    yield make
    for disk in made:
        disk.close()


def platforms(image: Path) -> None:
    """As the platform gives it: one partition of type 7 with an empty NTFS."""
    run("sfdisk", "--quiet", image, stdin="label: dos\nstart=2048, size=1044480, type=7\n")
    partition = image.with_suffix(".ntfs")
    with partition.open("wb") as file:
        file.truncate(1044480 * 512)
    run("mkntfs", "-q", "-F", "-f", "-L", "Temporary Storage", partition)
    run("dd", f"if={partition}", f"of={image}", "bs=1M", "seek=1", "conv=notrunc,sparse", "status=none")


@pytest.mark.parametrize("filesystem", FILESYSTEMS)
def test_the_platforms_disk_becomes_a_file_system_that_the_next_boots_keep(
    loop: Callable[..., LoopDisk], filesystem: str
) -> None:
    if not known_to_the_kernel(filesystem):
        pytest.skip(f"this kernel has no {filesystem}")
    disk = loop(platforms)
    first = disk.boot(filesystem, swap=8)
    assert first["problems"] == first["again"] == []
    assert first["mark"] == "made"
    assert 7 * MIB < first["swaps"][0] < 8 * MIB
    assert set(first["files"]) >= {"DATALOSS_WARNING_README.txt", "swapfile"}
    second = disk.boot(filesystem, swap=8)
    assert second["problems"] == second["again"] == []
    assert second["swaps"] == first["swaps"]
    assert not [step for step in second["plan"] if "mkfs" in step or "table" in step]


def test_a_blank_disk_gets_a_table_that_others_find_sound(loop: Callable[..., LoopDisk]) -> None:
    disk = loop()
    assert disk.boot()["problems"] == []
    assert "no errors" in run("sfdisk", "--verify", f"/dev/{disk.name}").lower()


def test_a_disk_of_large_blocks_is_counted_in_them(loop: Callable[..., LoopDisk]) -> None:
    disk = loop(block=4096)
    found = disk.boot()
    assert found["problems"] == found["again"] == []


def test_a_disk_of_many_terabytes_gets_a_table_that_others_find_sound(loop: Callable[..., LoopDisk]) -> None:
    disk = loop(size=3 << 40)
    found = disk.boot("xfs" if shutil.which("mkfs.xfs") and known_to_the_kernel("xfs") else "ext4")
    assert found["problems"] == found["again"] == []
    checked = run("sfdisk", "--verify", f"/dev/{disk.name}")
    assert "no errors" in checked.lower()


@pytest.mark.parametrize("prepare", [platforms, lambda _image: None], ids=["platform's", "blank"])
@pytest.mark.parametrize("most", range(1, 6))
def test_a_preparation_that_was_interrupted_is_completed(
    loop: Callable[..., LoopDisk], prepare: Callable[[Path], None], most: int
) -> None:
    disk = loop(prepare)
    disk.boot(most=most)
    found = disk.boot()
    assert found["problems"] == found["again"] == []
    assert (found["mark"], found["holds"]["1"]) == ("made", ["ext4"])


def test_a_file_in_the_platforms_file_system_keeps_it_as_it_is(loop: Callable[..., LoopDisk]) -> None:
    def used(image: Path) -> None:
        platforms(image)
        ntfs = image.with_suffix(".ntfs")
        run("ntfscp", "-q", "-f", ntfs, PROGRAM, "important.txt")
        run("dd", f"if={ntfs}", f"of={image}", "bs=1M", "seek=1", "conv=notrunc", "status=none")

    disk = loop(used)
    before = digest(disk.image)
    found = disk.boot()
    assert found["plan"] == []
    assert "'important.txt'" in found["problems"][0]
    assert digest(disk.image) == before


def test_many_files_in_the_platforms_file_system_are_seen_too(loop: Callable[..., LoopDisk]) -> None:
    def used(image: Path) -> None:
        platforms(image)
        ntfs = image.with_suffix(".ntfs")
        for number in range(60):
            run("ntfscp", "-q", "-f", ntfs, PROGRAM, f"a-name-that-is-rather-long-{number:04}.txt")
        run("dd", f"if={ntfs}", f"of={image}", "bs=1M", "seek=1", "conv=notrunc", "status=none")

    found = loop(used).boot()
    assert found["plan"] == []
    assert "and 55 more" in found["problems"][0]


@pytest.mark.parametrize("maker", [["mkswap"], ["mkfs.ext4", "-q", "-F", "-O", "^has_journal"]])
def test_what_others_made_over_the_whole_disk_is_not_formatted(
    loop: Callable[..., LoopDisk], maker: list[str]
) -> None:
    def others(image: Path) -> None:
        run(*maker, image)

    disk = loop(others)
    found = disk.boot()
    assert not [step for step in found["plan"] if "mkfs" in step or "table" in step]
