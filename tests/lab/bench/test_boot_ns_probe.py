"""The largest process of a control group, from files as the kernel shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from limpet.lab.bench.boot_ns_probe import Peak, high_water, watched

if TYPE_CHECKING:
    from pathlib import Path

STATUS = "Name:\tpython3\nVmPeak:\t  90000 kB\nVmHWM:\t   {kilobytes} kB\nVmRSS:\t     1 kB\n"


def group(folder: Path, *pids: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids), encoding="ascii")


def process(proc: Path, pid: int, kilobytes: int) -> None:
    (proc / str(pid)).mkdir(parents=True, exist_ok=True)
    (proc / str(pid) / "status").write_text(STATUS.format(kilobytes=kilobytes), encoding="ascii")


def test_the_peak_is_that_of_the_largest_process_in_all_groups_and_stays(tmp_path: Path) -> None:
    slice_, proc = tmp_path / "lab.slice", tmp_path / "proc"
    group(slice_)
    group(slice_ / "a.service", 7, 8)
    for pid, kilobytes in ((7, 100), (8, 300)):
        process(proc, pid, kilobytes)
    peak = Peak(slice_, proc)
    peak.look()
    assert peak.bytes == 300 * 1024
    group(slice_ / "a.service")
    group(slice_ / "b.service" / "deeper", 9)
    process(proc, 9, 200)
    peak.look()
    assert peak.bytes == 300 * 1024


def test_a_group_that_is_not_there_yet_and_a_process_that_has_gone_are_nothing(tmp_path: Path) -> None:
    peak = Peak(tmp_path / "lab.slice", tmp_path / "proc")
    peak.look()
    group(tmp_path / "lab.slice", 7)
    peak.look()
    assert peak.bytes == 0


def test_a_process_without_memory_has_no_peak(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tkthreadd\n", encoding="ascii")
    assert high_water(tmp_path / "status") == 0


def test_watching_ends_with_what_is_watched(tmp_path: Path) -> None:
    with pytest.raises(KeyError), watched(tmp_path) as peak:  # noqa: PT012 - what ends it is raised inside
        assert peak.bytes == 0
        raise KeyError
