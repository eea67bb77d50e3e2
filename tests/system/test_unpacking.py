"""Packages unpacked again where their handler has mounted something in its own folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.host.zips import zipped

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root and unshare"),
]

SCRIPT = """
import json, subprocess, sys
from pathlib import Path
from limpet.host.archive import expand
base, times, *mount = Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
folder = base / "handler"
expand(base / "first.zip", folder)
(folder / "mrseq").write_text("3")
(folder / "mnt").mkdir(exist_ok=True)
subprocess.run(["mount", *mount, folder / "mnt"], check=True)
(folder / "mnt" / "inside").write_text("kept")
for _ in range(times):
    expand(base / "again.zip", folder)
tree = {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}
beside = [path.name for path in base.iterdir() if path.name.startswith(".")]
for path in {folder, *map(base.joinpath, beside)}:
    if (path / "mnt").is_mount():
        subprocess.run(["umount", path / "mnt"], check=True)
expand(base / "again.zip", folder)
left = [path.name for path in base.iterdir() if path.name.startswith(".")]
json.dump({"tree": tree, "beside": beside, "left": left}, sys.stdout)
"""
FIRST = {
    "HandlerManifest.json": b"[1]",
    "sub/HandlerManifest.json": b"[0]",
    "bin/tool": b"old",
    "gone": b"stays",
}


def unpacked(folder: Path, again: dict[str, bytes], times: int, *mount: str) -> dict[str, Any]:
    for name, members in (("first", FIRST), ("again", again)):
        (folder / f"{name}.zip").write_bytes(zipped(members))
    (folder / "elsewhere").mkdir()
    run = [sys.executable, "-c", SCRIPT, str(folder), str(times), *mount]
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", *run], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("times", [1, 2, 4])
@pytest.mark.parametrize("bound", [False, True])
def test_what_a_handler_has_mounted_in_its_folder_stays_there_however_often_its_package_comes(
    tmp_path: Path, times: int, *, bound: bool
) -> None:
    mount = ("--bind", str(tmp_path / "elsewhere")) if bound else ("-t", "tmpfs", "none")
    found = unpacked(
        tmp_path, {"HandlerManifest.json": b"[2]", "bin/tool": b"new", "bin/more/x": b""}, times, *mount
    )
    assert found["tree"] == {
        "HandlerManifest.json": "[2]",
        "bin/tool": "new",
        "bin/more/x": "",
        "gone": "stays",
        "mnt/inside": "kept",
        "mrseq": "3",
    }
    assert found["beside"] == found["left"] == []


def test_a_package_with_files_where_its_handler_has_mounted_something_is_unpacked_all_the_same(
    tmp_path: Path,
) -> None:
    found = unpacked(
        tmp_path, {"HandlerManifest.json": b"[2]", "mnt/inside": b"new"}, 4, "-t", "tmpfs", "none"
    )
    assert found["tree"] == {
        "HandlerManifest.json": "[2]",
        "bin/tool": "old",
        "gone": "stays",
        "mnt/inside": "new",
        "mrseq": "3",
    }
    assert found["beside"]  # with what is mounted, as long as it is
    assert found["left"] == []


def test_a_file_of_the_package_takes_the_place_of_a_folder_and_the_other_way_round(tmp_path: Path) -> None:
    found = unpacked(
        tmp_path, {"HandlerManifest.json": b"[2]", "bin": b"file", "gone/x": b""}, 2, "-t", "tmpfs", "none"
    )
    assert found["tree"] == {
        "HandlerManifest.json": "[2]",
        "bin": "file",
        "gone/x": "",
        "mnt/inside": "kept",
        "mrseq": "3",
    }
