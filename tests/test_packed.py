"""`limpet.packed`: modules from one file; whatever is wrong with it, they are imported as ever."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from limpet import packed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCE = "WHERE = 'source'\ndef broken(): raise ValueError\n"
PACKED = SOURCE.replace("'source'", "'packed'")
START = """\
import sys; sys.path[:] = {paths!r}
from limpet.packed import begin
begun = begin({file!r})
import thing.part
print(begun, thing.part.WHERE, thing.part.__file__, thing.__path__)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package with one module, as its source has it."""
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "__init__.py").write_text("")
    (tmp_path / "thing" / "part.py").write_text(SOURCE)
    return tmp_path


def content(folder: Path) -> bytes:
    """A file with that package; of its module another code, by which it can be told."""
    codes = {
        "thing": (folder / "thing" / "__init__.py", ""),
        "thing.part": (folder / "thing" / "part.py", PACKED),
    }
    return packed.packed(
        {},
        {
            name: (
                name == "thing",
                str(source),
                int(source.stat().st_mtime),
                source.stat().st_size,
                compile(text, str(source), "exec"),
            )
            for name, (source, text) in codes.items()
        },
    )


def imported(folder: Path, *flags: str, place: Path | None = None) -> list[str]:
    """What a new interpreter says that begins with the file: whether it did, and where the module came from.

    place: where the package is now.
    """
    code = START.format(paths=[str(place or folder), *sys.path], file=str(folder / "file"))
    done = subprocess.run(
        [sys.executable, "-IS", *flags, "-c", code], check=True, capture_output=True, text=True, timeout=120
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_modules_come_from_the_file_and_say_where_their_sources_are(folder: Path) -> None:
    (folder / "file").write_bytes(content(folder))
    assert imported(folder) == ["True", "packed", f"{folder}/thing/part.py", f"['{folder}/thing']"]


def test_another_interpreter_or_one_that_optimises_otherwise_imports_as_ever(folder: Path) -> None:
    (folder / "file").write_bytes(content(folder))
    assert imported(folder, "-O")[:2] == ["False", "source"]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "no more than the first line": lambda whole: whole[: len(packed.MARK)],
    "cut short": lambda whole: whole[:-1],
    "longer": lambda whole: whole + b"x",
    "a bit that fell over in the index": lambda whole: whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
    "not ours": lambda whole: b"\0" + whole[1:],
    "a second line of words": lambda whole: packed.MARK + b"a b c\n" + whole.partition(b"\n")[2],
    "wrong lengths": lambda whole: packed.MARK + whole[len(packed.MARK) :].replace(b" ", b" 9", 2),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_not_used(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    (folder / "file").write_bytes(damage(content(folder)))
    assert imported(folder)[:2] == ["False", "source"]


def test_a_module_that_is_damaged_is_imported_from_its_source(folder: Path) -> None:
    whole = content(folder)
    (folder / "file").write_bytes(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
    assert imported(folder)[:2] == ["True", "source"]
    assert lack(folder) == f"{folder / 'file'} has 1 modules not as they are installed"


def test_a_file_that_is_not_there_is_a_folder_or_far_too_large_is_not_used(folder: Path) -> None:
    assert imported(folder)[:2] == ["False", "source"]
    with (folder / "file").open("wb") as file:
        file.truncate(packed.LARGEST + 1)
    assert imported(folder)[:2] == ["False", "source"]
    (folder / "file").unlink()
    (folder / "file").mkdir()
    assert imported(folder)[:2] == ["False", "source"]


@pytest.mark.parametrize("change", ["later", "longer"])
def test_a_module_whose_source_has_changed_is_imported_from_that(folder: Path, change: str) -> None:
    (folder / "file").write_bytes(content(folder))
    part = folder / "thing" / "part.py"
    before = part.stat().st_mtime_ns
    if change == "longer":
        part.write_text(SOURCE + "#\n")
    os.utime(part, ns=(before, before + (10**9 if change == "later" else 0)))
    assert imported(folder)[:2] == ["True", "source"]


def test_a_module_whose_source_has_gone_is_looked_for_as_ever(folder: Path) -> None:
    (folder / "file").write_bytes(content(folder))
    moved = folder / "elsewhere"
    moved.mkdir()
    (folder / "thing").rename(moved / "thing")
    assert imported(folder, place=moved)[:2] == ["True", "source"]


def test_a_file_is_kept_while_it_has_all_that_it_would_have(folder: Path) -> None:
    whole = content(folder)
    (folder / "file").write_bytes(whole)
    part = folder / "thing" / "part.py"
    code = compile("", "x", "exec")
    modules = {
        name: (name == "thing", str(source), int(source.stat().st_mtime), source.stat().st_size, code)
        for name, source in {"thing": folder / "thing" / "__init__.py", "thing.part": part}.items()
    }
    file = str(folder / "file")
    assert packed.kept(file, {}, modules) == whole
    assert packed.kept(file, {("a", 0): ("a", 0)}, modules) is None
    assert packed.kept(file, {}, {"thing": modules["thing"]}) is None
    assert packed.kept(str(folder / "none"), {}, modules) is None
    (folder / "file").write_bytes(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
    assert packed.kept(file, {}, modules) is None


def lack(folder: Path, *flags: str) -> str:
    """What a new interpreter says of why its start was slow."""
    code = START.format(paths=[str(folder), *sys.path], file=str(folder / "file"))
    code += "from limpet.packed import end, lack\nprint(lack())\nend()\nprint(sys.meta_path[0])\n"
    done = subprocess.run(
        [sys.executable, "-IS", *flags, "-c", code], check=True, capture_output=True, text=True, timeout=120
    )
    _, said, finder = done.stdout.splitlines()
    assert "Packed" not in finder
    return said


def test_a_slow_start_says_why_and_a_quick_one_nothing(folder: Path) -> None:
    file = folder / "file"
    assert lack(folder) == "None"  # nobody has installed one
    file.write_bytes(content(folder))
    assert lack(folder) == "None"
    assert lack(folder, "-O") == f"{file} is not used: another Python made it, or one with other options"
    os.utime(folder / "thing" / "part.py", (1, 1))
    assert lack(folder) == f"{file} has 1 modules not as they are installed"
    file.write_bytes(content(folder)[:-1])
    assert lack(folder) == f"{file} is not used: it is damaged"
