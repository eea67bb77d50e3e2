"""A mount goes when nobody uses it any more; and what cannot go says why."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from limpet.lab.commands import LabError, run
from limpet.lab.mounts import unmount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.system


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    run(["mount", "-t", "tmpfs", "limpet-test", str(folder)]).checked()
    try:
        yield folder
    finally:
        run(["umount", "--lazy", "--quiet", str(folder)])


def test_what_is_still_open_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    with mounted(tmp_path) as folder, (folder / "console").open("wb") as held:
        threading.Timer(0.3, held.close).start()
        unmount(folder)
        assert not folder.is_mount()


def test_what_is_kept_open_is_an_error_after_a_while(tmp_path: Path) -> None:
    with mounted(tmp_path) as folder, (folder / "console").open("wb"):
        with pytest.raises(LabError, match=r"waited 0\.2 s for .* to be let go: .*busy"):
            unmount(folder, timeout=0.2)
        assert folder.is_mount()


def test_what_is_no_mount_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="not mounted"):
        unmount(tmp_path)
