from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from limpet.lab.bench.probe import cpu_seconds, memory_megabytes, processes
from limpet.lab.commands import LabError

if TYPE_CHECKING:
    from pathlib import Path

ROLLUP = "5581-7fff ---p 00000000 00:00 0 [rollup]\nRss:  9000 kB\nPss:  {pss} kB\nPss_Anon:  12 kB\n"


def test_cpu_is_read_in_seconds(tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n")
    assert cpu_seconds(tmp_path) == 1.5


def test_memory_is_the_sum_of_proportional_set_sizes(tmp_path: Path) -> None:
    for pid, pss in ((7, 1000), (8, 500)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "smaps_rollup").write_text(ROLLUP.format(pss=pss))
    assert memory_megabytes([7, 8], tmp_path) == pytest.approx(1.536)


def test_processes_are_those_of_the_group(tmp_path: Path) -> None:
    (tmp_path / "cgroup.procs").write_text("7\n8\n")
    assert processes(tmp_path) == [7, 8]


def test_what_a_kernel_does_not_tell_is_said(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"cpu\.stat"):
        cpu_seconds(tmp_path)
    (tmp_path / "cpu.stat").write_text("nr_periods 0\n")
    with pytest.raises(LabError, match="usage_usec"):
        cpu_seconds(tmp_path)
    with pytest.raises(LabError, match="smaps_rollup"):
        memory_megabytes([7], tmp_path)
