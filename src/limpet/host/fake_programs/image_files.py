"""truncate, mke2fs, e2fsck, resize2fs, sync: file systems in files. What is in one is in `FakeFiles.volumes`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.fake_commands import Said

if TYPE_CHECKING:
    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

FORMATTED = b"ext4"
"""The content of a file that was formatted."""


def _truncate(files: FakeFiles, call: Call) -> Said:
    if "--size=>" not in call.argv[1]:  # what only becomes larger keeps what is in it
        files.replace(Path(call.argv[-1]), b"holes")
    return Said()


def _mke2fs(files: FakeFiles, call: Call) -> Said:
    path = Path(call.argv[-1])
    if path not in files.nodes:
        return Said(exit_code=1, stderr=f"mke2fs: {path}: No such file or directory")
    files.replace(path, FORMATTED)
    files.volumes.pop(path, None)
    return Said()


def _e2fsck(files: FakeFiles, call: Call) -> Said:
    node = files.nodes.get(Path(call.argv[-1]))
    whole = node is not None and node.content == FORMATTED
    return Said() if whole else Said(exit_code=8, stderr="e2fsck: Bad magic number in super-block")


def _resize2fs(files: FakeFiles, call: Call) -> Said:
    node = files.nodes.get(Path(call.argv[-1]))
    whole = node is not None and node.content == FORMATTED
    return Said() if whole else Said(exit_code=1, stderr="resize2fs: Bad magic number in super-block")


def _sync(files: FakeFiles, call: Call) -> Said:
    del files, call
    return Said()


PROGRAMS = {
    "truncate": _truncate,
    "mke2fs": _mke2fs,
    "e2fsck": _e2fsck,
    "resize2fs": _resize2fs,
    "sync": _sync,
}
