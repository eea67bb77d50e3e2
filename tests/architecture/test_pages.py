"""Pages that are drawn from the code are as the code has it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "limpet"
MAPS = [ROOT / "docs" / "README.md", ROOT / "docs" / "requirements.md"]
NUMBER = re.compile(r"\b[RF][1-9]\d?\b")


def test_the_lifecycle_page_is_drawn_from_the_tables() -> None:
    drawn = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "lifecycle_page.py")],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    written = (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8")
    assert written == drawn, "run: python tools/lifecycle_page.py > docs/lifecycle.md"


@pytest.mark.parametrize("page", MAPS, ids=lambda page: page.name)
def test_a_map_names_modules_and_pages_that_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    modules = re.findall(r"`([a-z_/]+(?:\.py|/))`", text)
    pages = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "//" not in link]
    near = (ROOT, SOURCE, SOURCE / "appliance")
    assert [each for each in modules if not any((place / each).exists() for place in near)] == []
    assert [each for each in pages if not (page.parent / each).exists()] == []


def test_every_requirement_that_the_code_names_is_on_the_page() -> None:
    named = {
        number for path in SOURCE.rglob("*.py") for number in NUMBER.findall(path.read_text(encoding="utf-8"))
    }
    assert named <= set(NUMBER.findall(MAPS[1].read_text(encoding="utf-8")))


def test_decisions_are_listed_by_their_titles() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(
        r"^- \[(\d+)\]\((.+)\): (.+)$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert listed
    for number, page, title in listed:
        assert page.startswith(f"{number}-")
        assert (folder / page).read_text(encoding="utf-8").startswith(f"# {number}: {title}\n")
