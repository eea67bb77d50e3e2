"""docs/vendors.md and the sample vendor say the same as the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.system.guide import Written, as_seen, steps

from limpet.appliance.networkos.hooks.verbs import TABLE, Verb

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "vendors.md").read_text(encoding="utf-8")
SAMPLE = ROOT / "examples" / "appliance-hooks"
PLACE = "/opt/acme/"
FILES = {step.path.removeprefix(PLACE): step.text for step in steps(PAGE) if isinstance(step, Written)}


def test_the_sample_is_what_the_guide_has_one_write() -> None:
    found = {
        str(path.relative_to(SAMPLE)): path.read_text(encoding="utf-8")
        for path in sorted(SAMPLE.rglob("*"))
        if path.is_file() and path.name != "README.md"
    }
    assert found == {name: text for name, text in FILES.items() if not name.startswith("/etc/")}


def test_the_sample_is_executable() -> None:
    scripts = [SAMPLE / name for name, text in FILES.items() if text.startswith("#!")]
    assert scripts
    assert all(path.stat().st_mode & 0o111 for path in scripts)


@pytest.mark.parametrize("verb", list(TABLE))
def test_the_guides_table_of_verbs_is_the_codes(verb: Verb) -> None:
    row = TABLE[verb]
    line = f"| {row.purpose} | {row.absent or '**required**'} | {row.timeout:g} |"
    assert line in PAGE


def test_every_link_of_the_guide_leads_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", PAGE) if "://" not in link]
    assert links
    assert not [link for link in links if not (ROOT / "docs" / link).exists()]


@pytest.mark.parametrize(
    ("expected", "output", "fits"),
    [
        ((), "", True),
        ((), "surprise\n", False),
        (("a", "…", "d"), "a\nb\nc\nd\n", True),
        (("a", "…", "d"), "a\nd", True),
        (("a", "…", "d"), "a\nb\n", False),
        (("a",), "a\nb\n", False),
    ],
)
def test_what_is_seen_is_compared_line_by_line(expected: tuple[str, ...], output: str, fits: bool) -> None:
    assert as_seen(expected, output) is fits
