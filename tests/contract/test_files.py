"""The Files port: the same behaviour from memory and from this machine."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limpet.host.clock import RealClock
from limpet.host.fake import FakeClock, FakeFiles
from limpet.host.files import RealFiles
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.host.ports import Files

MANY = 1 << 20


@dataclass
class Disk:
    """A file system, the folder that a test may use, and how a link is made there."""

    files: Files
    root: Path

    def link(self, path: Path, target: Path) -> None:
        if isinstance(self.files, FakeFiles):
            self.files.link(path, target)
        else:
            path.symlink_to(target)


@pytest.fixture(params=["fake", "real"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    if request.param == "real":
        return Disk(RealFiles(), tmp_path)
    files = FakeFiles(FakeClock())
    files.make_folder(Path("/root"))
    return Disk(files, Path("/root"))


def test_what_was_put_is_read_back_with_its_mode(disk: Disk) -> None:
    path = disk.root / "a"
    disk.files.replace(path, b"content", mode=0o600)
    info = disk.files.info(path)
    assert disk.files.read(path, at_most=7) == b"content"
    assert info is not None
    assert (info.size, info.mode, info.is_file, info.is_folder) == (7, 0o600, True, False)


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"], ids=["NUL", "half a character"])
def test_a_name_that_no_file_can_have_is_said_and_no_defect(name: str, disk: Disk) -> None:
    path = disk.root / name
    for act in (
        lambda: disk.files.read(path, at_most=1),
        lambda: disk.files.info(path),
        lambda: disk.files.replace(path, b""),
        lambda: disk.files.replace(path, b"", beneath=disk.root),
        lambda: disk.files.make_folder(path),
        lambda: disk.files.make_folder(path, beneath=disk.root),
        lambda: disk.files.names(path),
        lambda: disk.files.remove(path),
        lambda: disk.files.target(path),
        lambda: disk.files.append(path, b"", at_most=1),
    ):
        with pytest.raises(HostError, match="name"):
            act()


def test_a_replaced_file_has_the_new_content_and_mode_and_looks_changed(disk: Disk) -> None:
    path = disk.root / "a"
    disk.files.replace(path, b"old", mode=0o600)
    before = disk.files.info(path)
    disk.files.append(path, b"x", at_most=MANY)
    disk.files.replace(path, b"new", mode=0o644, durable=False)
    after = disk.files.info(path)
    assert disk.files.read(path, at_most=MANY) == b"new"
    assert before is not None
    assert after is not None
    assert after.mode == 0o644
    assert after.changed_ns >= before.changed_ns


def test_nothing_but_the_file_is_left_in_its_folder(disk: Disk) -> None:
    disk.files.replace(disk.root / "a", b"1")
    disk.files.replace(disk.root / "a", b"2")
    disk.files.copy(disk.root / "a", disk.root / "b")
    assert disk.files.names(disk.root) == ["a", "b"]


def test_a_missing_file_is_not_there(disk: Disk) -> None:
    for path in (disk.root / "no", disk.root / "no" / "deeper"):
        assert disk.files.info(path) is None
        with pytest.raises(FileNotFoundError):
            disk.files.read(path, at_most=1)
        with pytest.raises(FileNotFoundError):
            disk.files.copy(path, disk.root / "copy")
    assert disk.files.names(disk.root / "no") == []


def test_a_file_larger_than_accepted_is_refused_and_both_sizes_are_said(disk: Disk) -> None:
    disk.files.replace(disk.root / "a", b"12345")
    with pytest.raises(HostError, match=r"5 bytes.*4"):
        disk.files.read(disk.root / "a", at_most=4)


def test_a_link_is_not_followed_by_what_reads(disk: Disk) -> None:
    disk.files.replace(disk.root / "secret", b"x")
    disk.link(disk.root / "link", disk.root / "secret")
    for action in (
        lambda: disk.files.read(disk.root / "link", at_most=1),
        lambda: disk.files.copy(disk.root / "link", disk.root / "b"),
        lambda: disk.files.append(disk.root / "link", b"y", at_most=9),
    ):
        with pytest.raises(HostError, match="symbolic link"):
            action()
    info = disk.files.info(disk.root / "link")
    assert info is not None
    assert not info.is_file
    assert not info.is_folder
    assert disk.files.read(disk.root / "secret", at_most=1) == b"x"


def test_a_file_takes_a_links_place_and_not_its_targets(disk: Disk) -> None:
    disk.files.replace(disk.root / "target", b"kept")
    disk.link(disk.root / "link", disk.root / "target")
    disk.files.replace(disk.root / "link", b"new")
    assert disk.files.read(disk.root / "target", at_most=9) == b"kept"
    assert disk.files.read(disk.root / "link", at_most=9) == b"new"


def test_a_folder_is_reached_through_a_link(disk: Disk) -> None:
    disk.files.make_folder(disk.root / "real")
    disk.link(disk.root / "link", disk.root / "real")
    disk.files.replace(disk.root / "link" / "a", b"x")
    disk.files.make_folder(disk.root / "link" / "sub")
    assert disk.files.names(disk.root / "real") == ["a", "sub"]
    assert disk.files.names(disk.root / "link") == ["a", "sub"]


def test_a_folder_is_not_a_file(disk: Disk) -> None:
    disk.files.make_folder(disk.root / "folder")
    for action in (
        lambda: disk.files.read(disk.root / "folder", at_most=1),
        lambda: disk.files.replace(disk.root / "folder", b""),
        lambda: disk.files.append(disk.root / "folder", b"x", at_most=9),
        lambda: disk.files.copy(disk.root / "folder", disk.root / "b"),
    ):
        with pytest.raises(HostError, match=r"folder|directory"):
            action()
    assert disk.files.names(disk.root) == ["folder"]


def test_nothing_is_written_into_a_folder_that_is_missing(disk: Disk) -> None:
    with pytest.raises(HostError, match="No such file"):
        disk.files.replace(disk.root / "no" / "a", b"")
    with pytest.raises(HostError, match="No such file"):
        disk.files.append(disk.root / "no" / "a", b"", at_most=1)
    assert disk.files.info(disk.root / "no") is None


def test_a_folder_is_made_with_its_parents_and_an_existing_one_keeps_its_mode(disk: Disk) -> None:
    disk.files.make_folder(disk.root / "a" / "b", mode=0o700)
    disk.files.make_folder(disk.root / "a" / "b", mode=0o755)
    parent, folder = disk.files.info(disk.root / "a"), disk.files.info(disk.root / "a" / "b")
    assert parent is not None
    assert folder is not None
    assert (parent.mode, folder.mode, folder.is_folder) == (0o755, 0o700, True)


def test_a_folder_is_not_made_where_a_file_is(disk: Disk) -> None:
    disk.files.replace(disk.root / "a", b"")
    for path in (disk.root / "a", disk.root / "a" / "b"):
        with pytest.raises(HostError):
            disk.files.make_folder(path)


def test_a_removed_folder_is_gone_with_all_in_it_and_a_links_target_stays(disk: Disk) -> None:
    disk.files.make_folder(disk.root / "keep")
    disk.files.replace(disk.root / "keep" / "a", b"x")
    disk.files.make_folder(disk.root / "go" / "deep" / "er")
    disk.files.replace(disk.root / "go" / "deep" / "er" / "a", b"x")
    disk.link(disk.root / "go" / "deep" / "link", disk.root / "keep")
    disk.files.remove(disk.root / "go")
    disk.files.remove(disk.root / "go")
    disk.files.remove(disk.root / "go" / "on")
    assert disk.files.names(disk.root) == ["keep"]
    assert disk.files.names(disk.root / "keep") == ["a"]


def test_a_removed_link_leaves_its_target(disk: Disk) -> None:
    disk.files.make_folder(disk.root / "keep")
    disk.link(disk.root / "link", disk.root / "keep")
    disk.files.remove(disk.root / "link")
    assert disk.files.names(disk.root) == ["keep"]


def test_a_copy_has_the_originals_mode_and_time(disk: Disk) -> None:
    disk.files.replace(disk.root / "a", b"text", mode=0o640)
    disk.files.copy(disk.root / "a", disk.root / "b")
    original, copy = disk.files.info(disk.root / "a"), disk.files.info(disk.root / "b")
    assert original is not None
    assert copy is not None
    assert (copy.mode, copy.modified, copy.size) == (original.mode, original.modified, 4)
    assert disk.files.read(disk.root / "b", at_most=4) == b"text"


@pytest.mark.parametrize(
    ("old", "line", "at_most", "result"),
    [
        (b"", b"one\n", 100, b"one\n"),
        (b"one\n", b"two\n", 8, b"one\ntwo\n"),
        (b"1111\n2222\n3333\n", b"4444\n", 16, b"3333\n4444\n"),
        (b"a line without an end that is long", b"new\n", 16, b"new\n"),
        (b"old\n", b"0123456789\n", 4, b"789\n"),
    ],
)
def test_a_full_log_loses_its_oldest_lines(
    disk: Disk, old: bytes, line: bytes, at_most: int, result: bytes
) -> None:
    disk.files.replace(disk.root / "log", old)
    disk.files.append(disk.root / "log", line, at_most=at_most)
    assert disk.files.read(disk.root / "log", at_most=at_most) == result


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(lines=st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"") + b"\n")))
def test_a_log_never_outgrows_its_limit_and_ends_with_the_newest_line(disk: Disk, lines: list[bytes]) -> None:
    path = disk.root / "log"
    disk.files.remove(path)
    for line in lines:
        disk.files.append(path, line, at_most=30)
        content = disk.files.read(path, at_most=30)
        assert content.endswith(line)
        assert b"".join(lines).find(content) >= 0


def test_both_file_systems_say_the_same_of_the_same_history(tmp_path: Path) -> None:
    def history(files: Files, root: Path) -> list[object]:
        files.make_folder(root / "config", mode=0o700)
        files.replace(root / "config" / "0.settings", b"{}", mode=0o600)
        files.copy(root / "config" / "0.settings", root / "config" / "1.settings")
        files.remove(root / "config" / "0.settings")
        files.append(root / "log", b"x\n", at_most=10)
        paths = [root / "config", root / "config" / "1.settings", root / "log"]
        infos = [files.info(path) for path in paths]
        return [
            *[(info.size * info.is_file, info.mode, info.is_folder) for info in infos if info is not None],
            files.names(root),
            files.names(root / "config"),
        ]

    fake = FakeFiles(RealClock())
    fake.make_folder(Path("/r"))
    previous = os.umask(0o022)
    try:
        assert history(RealFiles(), tmp_path) == history(fake, Path("/r"))
    finally:
        os.umask(previous)


class TestOnlyOnARealDisk:
    """What memory has not: devices, descriptors and other processes."""

    def test_a_fifo_is_refused_without_waiting_for_its_writer(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "fifo")
        with pytest.raises(HostError, match="FIFO"):
            RealFiles().read(tmp_path / "fifo", at_most=1)
        with pytest.raises(HostError, match="FIFO"):
            RealFiles().append(tmp_path / "fifo", b"x", at_most=1)

    def test_a_device_is_refused(self) -> None:
        with pytest.raises(HostError, match="device"):
            RealFiles().read(Path("/dev/zero"), at_most=1)

    def test_a_file_whose_size_is_not_known_in_advance_is_read_within_the_limit(self) -> None:
        assert RealFiles().read(Path("/proc/self/stat"), at_most=MANY).startswith(b"%d " % os.getpid())
        with pytest.raises(HostError, match="at most 3 are accepted"):
            RealFiles().read(Path("/proc/self/stat"), at_most=3)

    def test_a_file_of_the_kernel_that_claims_to_have_a_page_is_read_within_the_limit(self) -> None:
        path = Path("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
        if not path.exists():
            path = next(Path("/sys/class/net").glob("*/mtu"))
        assert path.stat().st_size > 64
        assert RealFiles().read(path, at_most=64).strip().isdigit()

    def test_a_very_deep_folder_is_removed(self, tmp_path: Path) -> None:
        descriptor = os.open(tmp_path, os.O_RDONLY)
        for name in ["top", *["d"] * 1500]:
            os.mkdir(name, dir_fd=descriptor)
            below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        os.close(os.open("leaf", os.O_CREAT, dir_fd=descriptor))
        os.close(descriptor)
        RealFiles().remove(tmp_path / "top")
        assert not (tmp_path / "top").exists()

    def test_a_new_files_mode_does_not_depend_on_the_umask(self, tmp_path: Path) -> None:
        previous = os.umask(0o077)
        try:
            RealFiles().replace(tmp_path / "a", b"", mode=0o644)
            RealFiles().make_folder(tmp_path / "b", mode=0o755)
        finally:
            os.umask(previous)
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644
        assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o755

    def test_no_descriptor_is_left_open(self, tmp_path: Path) -> None:
        files = RealFiles()
        before = len(list(Path("/proc/self/fd").iterdir()))
        files.make_folder(tmp_path / "a" / "b")
        files.replace(tmp_path / "a" / "x", b"1")
        files.append(tmp_path / "a" / "x", b"2", at_most=1)
        files.copy(tmp_path / "a" / "x", tmp_path / "a" / "y")
        files.remove(tmp_path / "a")
        with pytest.raises(HostError):
            files.read(tmp_path, at_most=1)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before  # others may close some meanwhile


class TestOnlyInMemory:
    """What a test can do to a fake."""

    def test_a_full_disk_refuses_every_write(self) -> None:
        files = FakeFiles(FakeClock())
        files.full = True
        with pytest.raises(HostError, match="No space left"):
            files.replace(Path("/a"), b"")

    def test_a_broken_path_gives_its_reason(self) -> None:
        files = FakeFiles(FakeClock())
        files.broken[Path("/a")] = "Input/output error"
        with pytest.raises(HostError, match="Input/output error"):
            files.read(Path("/a"), at_most=1)
