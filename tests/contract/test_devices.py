"""The Devices port: the same behaviour from memory and from a loop device of this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from limpet.guest.partition_table import MADE, MIB, new_table
from limpet.host.devices import RealDevices
from limpet.host.fake import FakeClock, FakeFiles
from limpet.host.fake_devices import Disk, FakeDevices, show_disk
from limpet.host.files import RealFiles
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.host.ports import Devices, Files

SIZE = 64 * MIB


class Plugged(NamedTuple):
    """A disk, the port, and the files that show it."""

    devices: Devices
    files: Files
    path: Path

    def partitions(self) -> list[str]:
        folder = Path("/sys/block", self.path.name)
        return [name for name in self.files.names(folder) if self.files.info(folder / name / "partition")]


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.system)])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Plugged]:
    if request.param == "fake":
        files = FakeFiles(FakeClock())
        show_disk(files, Path("/dev/sdb"), Disk(size=SIZE))
        yield Plugged(FakeDevices(files), files, Path("/dev/sdb"))
        return
    image = tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(SIZE)
    found = subprocess.run(
        ["losetup", "--find", "--show", "--partscan", image],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    path = Path(found.stdout.strip())
    yield Plugged(RealDevices(), RealFiles(), path)
    subprocess.run(["losetup", "--detach", path], timeout=120, check=True)


def test_what_was_written_is_read_back_from_where_it_is(disk: Plugged) -> None:
    disk.devices.write(disk.path, ((4095, b"abc"), (SIZE - 2, b"yz")))
    assert disk.devices.read(disk.path, 4094, 5) == b"\0abc\0"
    assert disk.devices.read(disk.path, SIZE - 3, 100) == b"\0yz"
    assert disk.devices.read(disk.path, SIZE, 100) == b""
    assert disk.devices.read(disk.path, 0, 2 * MIB).count(0) == 2 * MIB - 3


def test_partitions_of_a_new_table_are_there_at_once_and_those_of_the_old_one_gone(disk: Plugged) -> None:
    pieces = new_table(size=SIZE, block=512, identity="x", mark=MADE)
    disk.devices.write(disk.path, pieces, table=True)
    (name,) = disk.partitions()
    assert disk.files.info(disk.path.parent / name) is not None
    assert int(disk.files.read(Path("/sys/block", disk.path.name, name, "start"), at_most=1 << 16)) == 2048
    disk.devices.write(disk.path, ((0, bytes(512)),), table=True)
    assert disk.partitions() == []
    assert disk.files.info(disk.path.parent / name) is None


def test_a_table_is_only_read_anew_when_that_is_asked_for(disk: Plugged) -> None:
    disk.devices.write(disk.path, new_table(size=SIZE, block=512, identity="x", mark=MADE))
    assert disk.partitions() == []
    disk.devices.write(disk.path, (), table=True)
    assert len(disk.partitions()) == 1


def test_no_other_node_is_left_beside_the_device(disk: Plugged) -> None:
    def nodes() -> list[str]:  # others' come and go
        return [name for name in disk.files.names(disk.path.parent) if disk.path.name in name]

    before = nodes()
    disk.devices.write(disk.path, ((0, b"x"),))
    assert nodes() == before


@pytest.mark.parametrize("name", ["no-such-disk", "null/x"])
def test_a_device_that_is_not_there_is_an_error(disk: Plugged, name: str) -> None:
    with pytest.raises(HostError):
        disk.devices.read(Path("/dev", name), 0, 1)
    with pytest.raises(HostError):
        disk.devices.write(Path("/dev", name), ((0, b"x"),))


def test_what_is_no_block_device_is_never_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"precious")
    with pytest.raises(HostError, match="not a block device"):
        RealDevices().write(file, ((0, b"x"),))
    assert file.read_bytes() == b"precious"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
