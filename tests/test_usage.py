"""Help on terminals of every width: prose flows, examples stay."""

from __future__ import annotations

import argparse

from hypothesis import given
from hypothesis import strategies as st

from limpet.usage import Help, flowed

TEXT = """\
examples:
  limpet show --json | jq -r '.nics[] | select(.owner == "network OS") | .name'     a comment

What it says is for people, and takes more than one line on any terminal that is narrow; in the source
it is set to some other width.

exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 already running
"""


def test_a_paragraph_is_set_to_the_width_and_an_example_is_not() -> None:
    lines = flowed(TEXT, 40).splitlines()
    examples = [line for line in lines if line.startswith("  ")]
    assert examples == [TEXT.splitlines()[1]]
    assert max(len(line) for line in lines if line not in examples) <= 40
    assert flowed(TEXT, 40).split() == TEXT.split()


def test_what_fits_stays_as_it_is() -> None:
    assert flowed(TEXT, 120) == TEXT.rstrip("\n")


@given(text=st.text("ab -\n", max_size=200), width=st.integers(1, 40))
def test_no_word_is_lost_or_broken_whatever_the_width(text: str, width: int) -> None:
    assert flowed(text, width).split() == text.split()


def test_a_parser_sets_its_help_by_it() -> None:
    made = argparse.ArgumentParser(
        prog="limpet x", description="word " * 60, epilog=TEXT, formatter_class=Help
    )
    assert "examples:\n  limpet show --json" in made.format_help()
