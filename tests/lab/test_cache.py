from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from limpet.lab.commands import LabError, run
from limpet.lab.recipes import VM
from limpet.lab.rootfs import built

if TYPE_CHECKING:
    from pathlib import Path


def silent(_text: str) -> None:
    """Progress that nobody reads."""


def test_what_is_in_the_cache_is_not_built_again(tmp_path: Path) -> None:
    made: list[Path] = []

    def build(folder: Path) -> None:
        folder.mkdir()
        made.append(folder)

    first = built(tmp_path, "tree", build, say=silent)
    assert built(tmp_path, "tree", build, say=silent) == first
    assert len(made) == 1


def test_a_build_that_fails_leaves_nothing_in_its_place(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        folder.mkdir()
        (folder / "half").touch()
        raise LabError("no network")

    with pytest.raises(LabError, match="no network"):
        built(tmp_path, "tree", fail, say=silent)
    assert [entry.name for entry in tmp_path.iterdir()] == ["tree.lock"]
    assert built(tmp_path, "tree", lambda folder: folder.mkdir(), say=silent).is_dir()


def test_two_runs_do_not_build_the_same_tree(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    said: list[str] = []
    made: list[Path] = []

    def build(folder: Path) -> None:
        begun.set()
        assert go_on.wait(60)
        folder.mkdir()
        made.append(folder)

    def tell(text: str) -> None:
        said.append(text)
        go_on.set()

    first = threading.Thread(target=built, args=(tmp_path, "tree", build), kwargs={"say": silent})
    first.start()
    assert begun.wait(60)
    built(tmp_path, "tree", build, say=tell)
    first.join()
    assert len(made) == 1
    assert said == ["waiting for another run that builds tree"]


def test_a_recipe_with_another_package_is_another_tree() -> None:
    assert VM.with_packages("frr").fingerprint() != VM.fingerprint()
    assert VM.with_packages().fingerprint() == VM.fingerprint()


def test_a_command_that_fails_says_what_it_was_and_what_it_answered() -> None:
    with pytest.raises(LabError, match=r"`sh -c 'echo bad >&2; exit 4'` ended with 4: bad"):
        run(["sh", "-c", "echo bad >&2; exit 4"]).checked()


def test_a_command_that_is_not_there_is_an_error_without_a_traceback() -> None:
    with pytest.raises(LabError, match="cannot start `no-such-command`: No such file or directory"):
        run(["no-such-command"])


def test_a_command_and_what_it_started_end_at_the_time_limit() -> None:
    with pytest.raises(LabError, match=r"did not end within 0\.2 s"):
        run(["sh", "-c", "sleep 600 & wait"], timeout=0.2)
