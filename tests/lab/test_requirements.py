from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from limpet.lab.cgroups import unified_hierarchy
from limpet.lab.commands import LabError
from limpet.lab.requirements import (
    LOGIN_COMMANDS,
    missing_commands,
    missing_namespaces,
    refused_by_the_kernel,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_a_missing_command_is_said_with_its_package() -> None:
    found = missing_commands(lambda name: None if name == "ip" else f"/usr/bin/{name}")
    assert [str(lack) for lack in found] == ["no command `ip`: apt-get install iproute2"]
    assert all(lack.package for lack in found)


def test_who_logs_in_to_machines_needs_a_client() -> None:
    found = missing_commands(lambda name: None if name == "ssh" else f"/usr/bin/{name}", LOGIN_COMMANDS)
    assert [str(lack) for lack in found] == ["no command `ssh`: apt-get install openssh-client"]


def test_a_kernel_without_a_kind_of_namespace_is_said(tmp_path: Path) -> None:
    for kind in ("ipc", "mnt", "net", "pid", "uts"):
        (tmp_path / kind).touch()
    assert [lack.what for lack in missing_namespaces(tmp_path)] == ["no cgroup namespaces"]


def test_a_refused_feature_is_said_with_the_kernels_answer() -> None:
    def refused() -> None:
        raise LabError("operation not permitted")

    found = refused_by_the_kernel({"fine": lambda: None, "overlay mounts are refused": refused})
    assert len(found) == 1
    assert "overlay mounts are refused" in str(found[0])
    assert "operation not permitted" in str(found[0])
    assert not found[0].package  # so a test is skipped for it


@pytest.mark.parametrize(
    "mounts",
    [
        "tmpfs {0} tmpfs rw 0 0\ncgroup {0}/cpu cgroup rw,cpu 0 0\ncgroup2 {0}/unified cgroup2 rw 0 0\n",
        "cgroup2 {0}/unified cgroup2 rw 0 0\n",
    ],
)
def test_the_unified_hierarchy_is_found_in_both_layouts(tmp_path: Path, mounts: str) -> None:
    (tmp_path / "unified").mkdir()
    table = tmp_path / "mounts"
    table.write_text(mounts.format(tmp_path), encoding="ascii")
    assert unified_hierarchy(table) == tmp_path / "unified"


def test_no_unified_hierarchy_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    table = tmp_path / "mounts"
    table.write_text("cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n", encoding="ascii")
    with pytest.raises(LabError, match="mount -t cgroup2"):
        unified_hierarchy(table)
