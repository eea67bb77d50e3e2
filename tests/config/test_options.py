"""The options of every program: read without argparse, they are the same, and what is not plain is argparse's."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.config.options import add_options, again, alone
from limpet.config.options import given as words

WORDS = st.sampled_from(
    ["--config", "--set", "--dry-run", "-h", "--", "-1", "a.b=c", "x", "/etc/y.toml", ""]
) | st.text(max_size=6)


class Refused(Exception):
    pass


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise Refused(message)

    def exit(self, status: int = 0, message: str | None = None) -> None:  # type: ignore[override]
        raise Refused(message)


@given(st.lists(WORDS, max_size=6))
def test_what_is_read_without_argparse_is_what_argparse_reads(arguments: list[str]) -> None:
    found = alone(arguments)
    if found is None:
        return
    parser = Parser(add_help=False)
    add_options(parser)
    options = parser.parse_args(arguments)
    assert found == (options.config, tuple(options.set))
    assert again(*found) == words(options)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], (None, ())),
        (["--set", "a.b=c", "--set", "d.e=--f"], (None, ("a.b=c", "d.e=--f"))),
        (["--config", "x.toml", "--set", "a.b=c"], (Path("x.toml"), ("a.b=c",))),
        (["--config"], None),
        (["--set", "-x"], None),
        (["--set=a.b=c"], None),
        (["--dry-run"], None),
        (["--json", "x"], None),
    ],
)
def test_only_whole_pairs_are_read_so(arguments: list[str], found: object) -> None:
    assert alone(arguments) == found


def test_a_program_is_started_again_with_the_same_file_from_wherever() -> None:
    assert again(Path("x.toml"), ("a.b=c",)) == ("--config", str(Path.cwd() / "x.toml"), "--set", "a.b=c")
