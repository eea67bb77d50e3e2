"""The same inputs give the same image: here of few packages; of all, and booted, in tests/vm/test_guest_shell_image.py."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.system.conftest import say

from limpet.appliance.guest import build
from limpet.appliance.guest.build_recipe import DATING, Recipe
from limpet.appliance.guest.slots import Image, parse_image
from limpet.host.apply import Interpreter
from limpet.host.clock import RealClock
from limpet.host.commands import RealCommands
from limpet.host.devices import RealDevices
from limpet.host.files import RealFiles
from limpet.host.kernel import RealKernel
from limpet.lab import requirements
from limpet.lab.clock import pause
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.system

APART = 5.0
"""Seconds between two builds, so that they have no time in common."""
INTERPRETER = Interpreter(
    files=RealFiles(), commands=RealCommands(), devices=RealDevices(), kernel=RealKernel(), clock=RealClock()
)


def frozen(place: Path) -> dict[str, Path]:
    """limpet as it is now, whatever becomes of the source tree meanwhile."""
    return copied(build.parts(), place)


def copied(parts: Mapping[str, Path], place: Path) -> dict[str, Path]:
    """The same at another place, with dates of their own, as another installation has them."""
    for name, folder in parts.items():
        shutil.copytree(
            folder, place / name, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copyfile
        )
    return {name: place / name for name in parts}


def built(recipe: Recipe, output: Path) -> Image:
    """Build it here."""
    say(f"building {output.name}")
    return build.build_image(
        INTERPRETER, recipe, output, output.with_name(f".{output.name}"), lambda _news: None
    )


def recipe(place: Path, base: tuple[str, ...] | None = None) -> Recipe:
    """With this machine's mirrors. base: other packages than a guest shell's."""
    commands = RealCommands()
    made = Recipe(
        apt=build.apt_settings(commands), mirrors=build.mirrors(commands, "bookworm"), limpet=frozen(place)
    )
    return made if base is None else replace(made, base=base)


def test_two_builds_of_the_same_give_the_same_bytes(tmp_path: Path) -> None:
    requirements.require()
    wanted = recipe(tmp_path / "one", ("python3",))
    elsewhere = replace(wanted, limpet=copied(wanted.limpet, tmp_path / "two"))
    with ThreadPoolExecutor() as side_by_side:
        one = side_by_side.submit(built, wanted, tmp_path / "one.tar")
        pause(APART)
        two = side_by_side.submit(built, elsewhere, tmp_path / "two.tar")
    first = one.result()
    assert two.result().digest == first.digest
    assert "python3" in first.packages
    assert parse_image((tmp_path / "one.tar.json").read_bytes()) == first
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "one.tar", "one.tar.json", "two.tar", "two.tar.json",
    ]  # fmt: skip


@pytest.mark.parametrize("day", [20417, 20418])
def test_the_day_on_which_passwords_were_set_is_not_that_of_the_build(day: int, tmp_path: Path) -> None:
    shadow = tmp_path / "tree/etc/shadow"
    shadow.parent.mkdir(parents=True)
    shadow.write_text(f"root:*:{day}:0:99999:7:::\nnobody:!:::::::\n")
    shadow.chmod(0o640)
    dating = ("sh", "-c", DATING, "sh", str(tmp_path / "tree"), "1700000000", "0", str(tmp_path / "epoch"))
    assert RealCommands().run(dating).exit_code == 0
    assert shadow.read_text() == "root:*:19675:0:99999:7:::\nnobody:!:::::::\n"
    assert (shadow.stat().st_mode & 0o777, shadow.stat().st_mtime) == (0o640, 1700000000)


def test_a_build_that_fails_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    requirements.require()
    wanted = replace(recipe(tmp_path / "limpet"), mirrors=("deb file:/nonexistent bookworm main",))
    with pytest.raises(HostError, match="cannot unpack and configure Debian's packages"):
        built(wanted, tmp_path / "made.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["limpet"]
