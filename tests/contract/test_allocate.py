"""Files to swap to, and the room there is: the same behaviour from memory and from this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from limpet.host.fake import FakeClock, FakeFiles
from limpet.host.files import RealFiles
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.host.ports import Files

SIZE = 256 * 1024
HEAD = b"head of it".ljust(4096, b".")


@pytest.fixture(params=["fake", "real"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Files, Path]:
    if request.param == "real":
        return RealFiles(), tmp_path
    files = FakeFiles(FakeClock())
    files.make_folder(Path("/root"))
    return files, Path("/root")


@pytest.mark.parametrize("written", [False, True])
def test_it_has_its_size_its_head_and_nothing_else_for_root_alone(
    disk: tuple[Files, Path], written: bool
) -> None:
    files, root = disk
    files.allocate(root / "swap", SIZE, head=HEAD, written=written)
    info = files.info(root / "swap")
    assert info is not None
    assert (info.size, info.mode) == (SIZE, 0o600)
    assert files.read(root / "swap", at_most=SIZE) == HEAD.ljust(SIZE, b"\0")


def test_one_that_is_right_is_kept_and_its_mode_repaired(disk: tuple[Files, Path]) -> None:
    files, root = disk
    files.replace(root / "swap", HEAD + b"in use".ljust(SIZE - len(HEAD), b"\1"), mode=0o644)
    files.allocate(root / "swap", SIZE, head=HEAD)
    info = files.info(root / "swap")
    assert info is not None
    assert info.mode == 0o600
    assert b"in use" in files.read(root / "swap", at_most=SIZE)


@pytest.mark.parametrize("old", [b"other head".ljust(SIZE, b"\1"), HEAD, b"", HEAD.ljust(SIZE + 1, b"\1")])
def test_one_with_another_head_or_size_is_made_anew(disk: tuple[Files, Path], old: bytes) -> None:
    files, root = disk
    files.replace(root / "swap", old)
    files.allocate(root / "swap", SIZE, head=HEAD)
    assert files.read(root / "swap", at_most=SIZE) == HEAD.ljust(SIZE, b"\0")


def test_where_there_is_no_room_nothing_is_left(disk: tuple[Files, Path]) -> None:
    files, root = disk
    assert files.room(root) > SIZE
    with pytest.raises(HostError, match=r"No space left|File too large"):
        files.allocate(root / "swap", 1 << 50, head=HEAD)
    assert files.names(root) == []


def test_holes_and_links_are_not_kept(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(HEAD.ljust(SIZE, b"\1"))
    swap = tmp_path / "swap"
    with swap.open("wb") as file:
        file.write(HEAD)
        file.truncate(SIZE)
    RealFiles().allocate(swap, SIZE, head=HEAD)
    assert swap.stat().st_blocks * 512 >= SIZE
    swap.unlink()
    swap.symlink_to(other)
    RealFiles().allocate(swap, SIZE, head=HEAD)
    assert not swap.is_symlink()
    swap.unlink()
    os.link(other, swap)
    RealFiles().allocate(swap, SIZE, head=HEAD)
    assert swap.stat().st_nlink == 1
    assert other.read_bytes() == HEAD.ljust(SIZE, b"\1")
