from __future__ import annotations

import os
from typing import TYPE_CHECKING

from limpet.boot.foresight import wake_drives

if TYPE_CHECKING:
    from pathlib import Path


def test_only_drives_are_touched_and_nothing_that_fails_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "sr0").write_bytes(bytes(1 << 20))
    (tmp_path / "sr1").mkdir()
    (tmp_path / "sda").write_bytes(b"untouched")
    os.utime(tmp_path / "sr0", (1, 2))
    os.utime(tmp_path / "sda", (1, 2))
    thread = wake_drives(str(tmp_path))
    thread.join(60)
    assert not thread.is_alive()
    assert (tmp_path / "sr0").stat().st_atime > 1
    assert (tmp_path / "sda").stat().st_atime == 1


def test_a_machine_without_the_folder_is_no_trouble(tmp_path: Path) -> None:
    wake_drives(str(tmp_path / "none")).join(60)
