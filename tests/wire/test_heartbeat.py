from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.redact import redacted
from limpet.model.status import Heartbeat, Message
from limpet.wire.heartbeat import parse_heartbeat, render_heartbeat
from limpet.wire.scalars import LARGEST_CODE

TEXTS = st.text(max_size=40).filter(lambda text: redacted(text) == text)
MESSAGE = {"lang": "en-US", "message": "alive"}


def beat(**members: Any) -> bytes:
    return json.dumps([{"heartbeat": {"status": "ready", "formattedMessage": MESSAGE, **members}}]).encode()


def test_a_heartbeat_is_read_with_its_status_verbatim() -> None:
    body = b"""[{"version": 1.0, "heartbeat": {"status": "ready", "code": "0",
      "formattedMessage": {"lang": "en-US", "message": "alive"}}}]"""
    assert parse_heartbeat(body) == Heartbeat(status="ready", code="0", message=Message(message="alive"))


@pytest.mark.parametrize("word", ["Ready", "notready", "Installing", "anything at all"])
def test_any_word_is_a_status(word: str) -> None:
    assert parse_heartbeat(beat(status=word)).status == word


@pytest.mark.parametrize(("written", "read"), [(0, 0), ("5", "5"), (None, 0)])
def test_a_code_passes_through(written: Any, read: int | str) -> None:
    assert parse_heartbeat(beat(code=written)).code == read


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"{}", "not an array"),
        (b"[]", "not an array"),
        (b"[5]", "not an array"),
        (b"[{}]", "heartbeat is missing"),
        (b'[{"heartbeat": null}]', "heartbeat is missing"),
        (beat(status=None), "status is missing"),
        (beat(status=""), "status is missing"),
        (beat(status=5), "status is missing or not text"),
        (beat(code=[]), "code is neither"),
        (beat(formattedMessage={"lang": "en"}), "formattedMessage has no 'message'"),
        (b"alive", "heartbeat file"),
    ],
)
def test_a_heartbeat_of_another_shape_is_refused(body: bytes, complaint: str) -> None:
    with pytest.raises(MalformedDocument, match=complaint):
        parse_heartbeat(body)


@given(
    st.builds(
        Heartbeat,
        status=TEXTS.filter(bool),
        code=st.integers(-LARGEST_CODE, LARGEST_CODE) | TEXTS,
        message=st.none() | st.builds(Message, message=TEXTS, lang=TEXTS),
    )
)
def test_a_heartbeat_survives_writing_and_reading(heartbeat: Heartbeat) -> None:
    assert parse_heartbeat(render_heartbeat(heartbeat)) == heartbeat
