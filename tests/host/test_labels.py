"""SELinux's label of a file that is replaced."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from limpet.host.files import RealFiles

if TYPE_CHECKING:
    from pathlib import Path

NAME, SHADOW = "security.selinux", b"system_u:object_r:shadow_t:s0\0"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives labels")


@pytest.fixture
def shadow(tmp_path: Path) -> Path:
    path = tmp_path / "shadow"
    path.write_bytes(b"old")
    os.setxattr(path, NAME, SHADOW)
    return path


def test_a_file_that_is_replaced_keeps_its_label(shadow: Path) -> None:
    files = RealFiles()
    files.replace(shadow, b"new", mode=0o640)
    assert os.getxattr(shadow, NAME) == SHADOW
    files.replace(shadow, b"newer", beneath=shadow.parent)
    assert (shadow.read_bytes(), os.getxattr(shadow, NAME)) == (b"newer", SHADOW)
    files.replace(shadow.with_name("other"), b"")
    files.copy(shadow.with_name("other"), shadow)
    assert os.getxattr(shadow, NAME) == SHADOW


def test_a_new_file_gets_what_its_folder_gives(shadow: Path) -> None:
    other = shadow.with_name("other")
    RealFiles().replace(other, b"new")
    with pytest.raises(OSError, match="No data available"):
        os.getxattr(other, NAME)
