"""What an appliance uses, from files as the kernel shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from limpet.lab.bench.appliance_probe import all_processes, command_line, only
from limpet.lab.commands import LabError

if TYPE_CHECKING:
    from pathlib import Path


def group(folder: Path, *pids: int) -> Path:
    folder.mkdir(parents=True)
    (folder / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids), encoding="ascii")
    return folder


def test_the_processes_of_a_group_are_those_of_all_groups_below_it_too(tmp_path: Path) -> None:
    outer = group(tmp_path / "lxc.payload.guest")
    group(outer / "init.scope", 7)
    group(outer / "azure.slice" / "limpet-agent.service", 9, 8)
    assert all_processes(outer) == [7, 8, 9]


def test_a_group_is_found_by_its_name_and_the_outermost_one_counts(tmp_path: Path) -> None:
    outer = group(tmp_path / "system.slice" / "guest.service" / "lxc.payload.guest")
    group(outer / "system.slice" / "lxc.payload.other")
    assert only(tmp_path, "lxc.payload.*") == outer
    with pytest.raises(LabError, match=r"no limpet\.service"):
        only(tmp_path, "limpet.service")


def test_a_process_that_has_ended_has_no_command_line(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cmdline").write_bytes(b"limpet\0appliance\0run\0")
    assert command_line(7, tmp_path) == b"limpet\0appliance\0run\0"
    assert command_line(8, tmp_path) == b""
