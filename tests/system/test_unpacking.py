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


OVERLAY = """
import json, subprocess, sys, zipfile
from pathlib import Path
from limpet.host.archive import expand
from limpet.host.files import RealFiles
base, redirect, told, image = Path(sys.argv[1]), sys.argv[2], {}, {"handler/mrseq": "3", "handler/a/b/c/deep": "", "handler/mixed/x/y": ""}
lower, upper = base / "lower", base / "upper"
lower.mkdir()
upper.mkdir()
subprocess.run(["mount", "-t", "tmpfs", "none", upper], check=True)  # another file system than the image's
for name, text in image.items():
    (lower / name).parent.mkdir(parents=True, exist_ok=True)
    (lower / name).write_text(text)
for name in ("changes", "work", "root"):
    (upper / name).mkdir()
options = f"lowerdir={lower},upperdir={upper}/changes,workdir={upper}/work,redirect_dir={redirect}"
subprocess.run(["mount", "-t", "overlay", "-o", options, "none", upper / "root"], check=True)
root = upper / "root"
(root / "handler" / "mixed" / "new").mkdir()
(root / "handler" / "mixed" / "new" / "file").write_text("new")
(root / "made").mkdir()
(root / "made" / "mrseq").write_text("4")
for name in ("handler", "made"):
    for archive in ("first.zip", "again.zip"):
        expand(base / archive, root / name)
    told[name] = {str(path.relative_to(root / name)): path.read_text() for path in sorted((root / name).rglob("*")) if path.is_file()}
    RealFiles().remove(root / name)
told["left"] = [path.name for path in root.iterdir()]
json.dump(told, sys.stdout)
"""


@pytest.mark.parametrize("redirect", ["on", "off"])
def test_on_an_overlay_what_a_handler_keeps_stays_and_what_an_image_has_brought_is_replaced_and_goes(
    tmp_path: Path, redirect: str
) -> None:
    again = {"HandlerManifest.json": b"[2]", "bin/tool": b"new"}
    for name, members in (("first", FIRST), ("again", again)):
        (tmp_path / f"{name}.zip").write_bytes(zipped(members))
    run = [sys.executable, "-c", OVERLAY, str(tmp_path), redirect]
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", *run], capture_output=True, text=True, check=False
    )
    if "mount: " in done.stderr:
        pytest.skip(f"this kernel mounts no overlay here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    packed = {"HandlerManifest.json": "[2]", "bin/tool": "new", "gone": "stays"}
    assert told["made"] == {**packed, "mrseq": "4"}
    assert told["handler"] == {
        **packed,
        "mrseq": "3",
        "a/b/c/deep": "",
        "mixed/x/y": "",
        "mixed/new/file": "new",
    }
    assert told["left"] == []
