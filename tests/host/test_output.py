"""A command's output as the platform's users read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.host.output import LONGEST, format_output

FRAME = len("[stdout]\n\n\n[stderr]\n")


def test_short_output_is_shown_whole() -> None:
    assert format_output(b"out\n", b"err\n") == "[stdout]\nout\n\n\n[stderr]\nerr\n"


def test_bytes_that_are_no_text_are_shown_as_escapes() -> None:
    assert "\\xff\\xfeé" in format_output(b"\xff\xfe\xc3\xa9", b"")


@pytest.mark.parametrize(
    ("out", "err"), [(9000, 9000), (9000, 10), (10, 9000), (2000, 1000), (1590, 9000), (3200, 3200)]
)
def test_a_stream_gets_the_room_that_the_other_does_not_need(out: int, err: int) -> None:
    text = format_output(b"o" * out, b"e" * err)
    room = LONGEST - FRAME
    shown_out, shown_err = text.count("o") - 1, text.count("e") - 1
    assert len(text) <= LONGEST
    if out + err <= room:
        assert (shown_out, shown_err) == (out, err)
    else:
        gaps = 7 * ((shown_out < out) + (shown_err < err))
        assert shown_out + shown_err + gaps == room
        assert shown_out >= min(out, room // 2 - 7)
        assert shown_err >= min(err, room // 2 - 7)


def test_of_a_stream_that_is_cut_most_is_kept_from_its_end() -> None:
    text = format_output(b"first" + b"." * 9000 + b"last", b"")
    assert text.startswith("[stdout]\nfirst...")
    assert "last\n\n[stderr]" in text
    head, tail = text.split("\n[...]\n")
    assert len(tail) > 2 * len(head)


def test_a_sas_token_is_taken_out() -> None:
    text = format_output(b"PUT https://a.blob/c?sv=1&sig=TOKEN failed", b"sig=TOKEN")
    assert "TOKEN" not in text


@given(st.binary(max_size=5000), st.binary(max_size=5000), st.integers(60, 4000))
def test_it_never_grows_beyond_its_limit(out: bytes, err: bytes, longest: int) -> None:
    assert len(format_output(out, err, longest=longest)) <= longest
