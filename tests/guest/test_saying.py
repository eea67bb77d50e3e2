"""What a status-only agent is told to say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.saying import MOST_TEXT, Saying, parse_saying, render_saying
from limpet.model.errors import MalformedDocument

WHOLE = Saying(state="NotReady", text="rolled back: eth1 was refused", health="Provisioning")


def test_what_is_written_is_read() -> None:
    assert parse_saying(render_saying(WHOLE)) == WHOLE


def test_text_becomes_one_printable_line_of_bounded_length() -> None:
    raw = render_saying(Saying(state="Ready", text="\x1b[31m a\nb\t" + "x" * 9999))
    text = parse_saying(raw).text
    assert text.isprintable()
    assert len(text) <= MOST_TEXT


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 70_000,
        b'{"version": 2, "state": "Ready", "text": "x"}',
        b'{"version": 1, "state": "Fine", "text": "x"}',
        b'{"version": 1, "state": ["Ready"], "text": "x"}',
        b'{"version": 1, "state": "Ready", "text": " \\n "}',
        b'{"version": 1, "state": "Ready", "text": 5}',
        b'{"version": 1, "state": "Ready", "text": "x", "health": "Unwell"}',
        b'{"version": 1, "state": "Ready", "text": "x", "health": {}}',
    ],
)
def test_what_cannot_be_used_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedDocument):
        parse_saying(content)


@given(st.integers(0, len(render_saying(WHOLE)) - 2))
def test_a_file_cut_at_any_byte_is_refused(end: int) -> None:
    with pytest.raises(MalformedDocument):
        parse_saying(render_saying(WHOLE)[:end])
