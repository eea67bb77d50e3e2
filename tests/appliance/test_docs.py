"""docs/appliance.md has the table of states of today."""

from __future__ import annotations

from pathlib import Path

from limpet.appliance.states_page import diagram, words

PAGE = Path(__file__).parents[2] / "docs" / "appliance.md"
BEGINS, ENDS = "by tests/appliance/test_docs.py -->\n", "<!-- end of states -->"


def test_the_page_has_the_states_of_today() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = text.partition(BEGINS)[2].partition(ENDS)[0]
    wanted = f"{words()}\n\n{diagram()}\n"
    if shown != wanted:
        made = text.replace(f"{BEGINS}{shown}{ENDS}", f"{BEGINS}{wanted}{ENDS}")
        path = Path("/tmp/appliance.md")
        path.write_text(made, encoding="utf-8")
        raise AssertionError(f"docs/appliance.md is not of today; take {path} in its place")
