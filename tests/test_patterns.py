"""`limpet.patterns` is `re` as far as a start uses it, with or without what was compiled before."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.interpreters import said

from limpet import patterns

ASKED = [
    (
        r"(?P<scheme>https?)://(?:\[(?P<six>[0-9A-F:.]+)\]|(?P<host>[a-z0-9._-]+))(?::(\d{1,5}))?",
        re.IGNORECASE,
    ),
    (r"[^\n]*\n|[^\n]+", 0),
    (rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\0\r\n]*)?\Z", 0),
    (r"^\s*send\s+host-name\b.*(?:<hostname>|gethostname\(\))", re.MULTILINE),
    (r"\w+ (?# a comment) é", re.ASCII | re.VERBOSE),
    (r"(?i)a.b", re.DOTALL),
]


def lazily(pattern: str | bytes, flags: int, *, ready: bool) -> patterns.LazyPattern:
    """As in a start; ready: one that was compiled before."""
    made = patterns.LazyPattern(pattern, int(flags))
    if ready:
        patterns.READY.update(patterns.compiled([made.asked]))
        assert made.asked in patterns.READY
    else:
        patterns.READY.pop(made.asked, None)
    return made


@pytest.mark.parametrize("ready", [False, True])
@pytest.mark.parametrize(("pattern", "flags"), ASKED)
def test_it_is_the_same_pattern(pattern: str | bytes, flags: int, ready: bool) -> None:
    ours, standard = lazily(pattern, flags, ready=ready), re.compile(pattern, flags)
    for name in ("pattern", "flags", "groups", "groupindex"):
        assert getattr(ours, name) == getattr(standard, name)


@pytest.mark.parametrize("ready", [False, True])
@given(text=st.text("aAbB.:/[]0159hHtTpPs\n -_"))
def test_it_finds_the_same(text: str, ready: bool) -> None:
    for pattern, flags in ASKED:
        if isinstance(pattern, str):
            ours, standard = lazily(pattern, flags, ready=ready), re.compile(pattern, flags)
            assert [found.groupdict() for found in ours.finditer(text)] == [
                found.groupdict() for found in standard.finditer(text)
            ]
            assert ours.sub(r"<\g<0>>", text) == standard.sub(r"<\g<0>>", text)


def test_what_cannot_be_compiled_is_left_to_where_it_is_used() -> None:
    assert dict(patterns.compiled([("(", 0), ("a", 0)])).keys() == {("a", 0)}
    with pytest.raises(re.error):
        lazily("(", 0, ready=False).match("a")


def test_the_flags_have_their_values() -> None:
    for name in ("ASCII", "DOTALL", "IGNORECASE", "MULTILINE", "VERBOSE"):
        assert getattr(patterns, name) == getattr(re, name).value


def test_what_it_has_not_comes_from_the_standard_library_and_others_still_get_it() -> None:
    code = (
        "from limpet.lean import lean_patterns; lean_patterns(); import re; "
        "print(re.escape('a b')); import re as again; import tomllib; print(again is re, tomllib.loads('a = 1'))"
    )
    assert said(code) == ["a\\ b", "True {'a': 1}"]
