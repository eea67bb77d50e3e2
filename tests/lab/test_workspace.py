"""What is left of labs that were killed is known by who made it, also when another process has that one's number."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from limpet.lab.clock import wait_for
from limpet.lab.workspace import _leftovers, began

if TYPE_CHECKING:
    from pathlib import Path


def made(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).mkdir()


def left(folder: Path) -> set[str]:
    return {entry.name for entry in _leftovers(folder)}


def test_what_a_running_lab_has_is_left_alone_and_what_nobody_made_too(tmp_path: Path) -> None:
    ours = f"limpet-{os.getpid()}-{began(os.getpid())}"
    made(tmp_path, f"{ours}-1", f"{ours}-2-vm0", "limpet-boot.lock", "limpet", "limpet-1-2", "other-1-2-3")
    assert left(tmp_path) == set()


def test_what_a_process_left_is_found_when_it_is_gone_or_its_number_is_anothers(tmp_path: Path) -> None:
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    names = {f"limpet-{int(gone.stdout)}-1-1", f"limpet-{os.getpid()}-1-1", f"limpet-{os.getpid()}-1-1-vm0"}
    made(tmp_path, *names)
    assert left(tmp_path) == names


def test_a_lab_that_was_killed_and_not_yet_waited_for_is_gone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        name = f"limpet-{process.pid}-{began(process.pid)}-1"
        made(tmp_path, name)
        assert left(tmp_path) == set()
        process.kill()
        wait_for(lambda: left(tmp_path) == {name}, "the process to end", timeout=60)


def test_where_there_is_no_folder_nothing_is_left(tmp_path: Path) -> None:
    assert left(tmp_path / "absent") == set()
