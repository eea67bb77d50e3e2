"""The ControlGroups port: the same behaviour from memory and from the kernel."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from limpet.guest.control_groups import located
from limpet.host.cgroups import RealControlGroups, inside
from limpet.host.fake import FakeMachine
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.host.ports import ControlGroups

BUSY = ["/bin/sh", "-c", "while :; do :; done"]


@dataclass
class Bench:
    """A group of one's own in a hierarchy. quota: a file and a text for it. start, end: a process in groups."""

    groups: ControlGroups
    root: Path
    quota: tuple[str, str]
    start: Callable[[list[Path]], int]
    end: Callable[[int], None]


@pytest.fixture(params=["fake 1", "fake 2", pytest.param("real", marks=pytest.mark.system)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "real":
        yield from real()
        return
    machine = FakeMachine()
    version = int(request.param[-1])
    machine.cgroups.mount(version=version, systemd=False)
    tree = Path("/sys/fs/cgroup") / ("cpu" if version == 1 else "")
    if version == 2:
        machine.cgroups.write(tree / "cgroup.subtree_control", "+cpu +memory")
    quota = ("cpu.cfs_quota_us", "20000") if version == 1 else ("cpu.max", "20000 100000")
    yield Bench(machine.cgroups, tree / "test", quota, machine.cgroups.start, machine.cgroups.end)  # noqa: PT022


def real() -> Iterator[Bench]:
    """A throw-away group: of version 1 where the processor's controller is bound to it, else of version 2."""
    here = located(Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text())
    parent = here.groups.get("cpu") or here.unified
    if parent is None:
        pytest.skip("no hierarchy of control groups has the cpu controller here")
    groups, root = RealControlGroups(), parent / f"limpet-test-{os.getpid()}"
    started: dict[int, subprocess.Popen[bytes]] = {}

    def start(places: list[Path]) -> int:
        process = subprocess.Popen(inside(places, BUSY))
        started[process.pid] = process
        return process.pid

    def end(pid: int) -> None:
        started[pid].kill()
        started[pid].wait()

    quota = ("cpu.cfs_quota_us", "20000") if "cpu" in here.groups else ("cpu.max", "20000 100000")
    try:
        yield Bench(groups, root, quota, start, end)
    finally:
        for pid in started:
            end(pid)
        for name in groups.below(root):
            groups.remove(root / name)
        assert groups.remove(root)


def test_a_group_comes_with_its_files_and_may_be_made_again(bench: Bench) -> None:
    bench.groups.make(bench.root / "a")
    bench.groups.make(bench.root / "a")
    assert bench.groups.below(bench.root) == ["a"]
    assert bench.groups.read(bench.root / "a" / "cgroup.procs") == ""


def test_what_is_written_is_read_back_and_nonsense_is_refused(bench: Bench) -> None:
    bench.groups.make(bench.root)
    file, text = bench.quota
    if bench.groups.read(bench.root / file) is None:  # a group of version 2 below one without controllers
        try:
            bench.groups.write(bench.root.parent / "cgroup.subtree_control", "+cpu")
        except HostError as error:  # this process is in it itself, as in many containers
            pytest.skip(f"no group below this process's can have a controller: {error}")
    bench.groups.write(bench.root / file, text)
    assert (bench.groups.read(bench.root / file) or "").strip() == text
    with pytest.raises(HostError, match="cannot set"):
        bench.groups.write(bench.root / file, text.replace("20000", "1", 1))


def test_absent_files_are_none_and_cannot_be_written(bench: Bench) -> None:
    bench.groups.make(bench.root)
    assert bench.groups.read(bench.root / "absent.file") is None
    assert bench.groups.read(bench.root / "absent" / "cgroup.procs") is None
    assert bench.groups.below(bench.root / "absent") == []
    with pytest.raises(HostError):
        bench.groups.write(bench.root / "absent.file", "1")


def test_a_group_with_processes_stays_and_an_empty_one_goes(bench: Bench) -> None:
    bench.groups.make(bench.root)
    pid = bench.start([bench.root])
    while not bench.groups.read(bench.root / "cgroup.procs"):
        pass  # the shell is about to enter
    assert bench.groups.remove(bench.root) is False
    bench.end(pid)
    assert bench.groups.remove(bench.root) is True
    assert bench.groups.remove(bench.root) is True


def test_a_group_that_cannot_be_entered_is_done_without(bench: Bench) -> None:
    bench.groups.make(bench.root)
    bench.start([bench.root / "absent", bench.root])
    while not bench.groups.read(bench.root / "cgroup.procs"):
        pass  # the shell is about to enter


def test_a_command_keeps_its_words_and_its_exit_code_inside_groups(tmp_path: Path) -> None:
    words = ["a b", "$HOME", "'", "--", "*"]
    command = inside([tmp_path / "absent"], ["/bin/sh", "-c", 'printf "%s|" "$@"; exit 7', "sh", *words])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode, done.stderr) == ("".join(f"{word}|" for word in words), 7, "")
