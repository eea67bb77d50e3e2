"""Requests for commands and their replies, and which lines are allowed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.command_policy import CommandPolicy
from limpet.guest.command_protocol import (
    LARGEST_REPLY,
    LARGEST_REQUEST,
    CommandReply,
    CommandRequest,
    parse_reply,
    parse_request,
    render_reply,
    render_request,
)
from limpet.model.errors import MalformedDocument


@given(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=1024))
def test_a_request_is_read_as_it_was_written(line: str) -> None:
    request = CommandRequest(line=line, timeout=3.0)
    content = render_request(request)
    assert content.count(b"\n") == 1
    assert parse_request(content) == request


@pytest.mark.parametrize(
    "line",
    [
        "show version\nconfigure terminal",
        "show version\rconfigure terminal",
        "show version\0",
        "show version\x1b[A",
        "show version\x03",
        "show\tversion",
        "show version\u2028configure terminal",
        "show version\x85configure terminal",
        "show\u200bversion",
        "",
        "   ",
        "x" * 1025,
    ],
)
def test_a_line_is_one_line_of_printable_characters(line: str) -> None:
    with pytest.raises(MalformedDocument):
        parse_request(json.dumps({"version": 1, "line": line}).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"show version",
        b"[]",
        b'{"line": "show version"}',
        b'{"version": 2, "line": "show version"}',
        b'{"version": 1}',
        b'{"version": 1, "line": ["show"]}',
        b'{"version": 1, "line": "show", "timeout": 0}',
        b'{"version": 1, "line": "show", "timeout": -1}',
        b'{"version": 1, "line": "show", "timeout": 1e9}',
        b'{"version": 1, "line": "show", "timeout": NaN}',
        b'{"version": 1, "line": "show", "timeout": true}',
        b"[" * 5000,
        b'{"version": 1, "line": "' + b"x" * LARGEST_REQUEST + b'"}',
    ],
)
def test_what_is_no_request_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedDocument):
        parse_request(content)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_request_never_do_more_than_be_refused(content: bytes) -> None:
    try:
        parse_request(content)
    except MalformedDocument:
        return
    pytest.fail("bytes were taken for a request") if b'"line"' not in content else None


@given(st.text(max_size=300), st.text(max_size=300), st.none() | st.integers(-64, 255), st.booleans())
def test_a_reply_is_read_as_it_was_written(
    stdout: str, stderr: str, exit_code: int | None, refused: bool
) -> None:
    encodable = [each.encode("utf-8", "replace").decode() for each in (stdout, stderr)]
    reply = CommandReply(
        exit_code=exit_code, stdout=encodable[0], stderr=encodable[1], problem=None, refused=refused
    )
    assert parse_reply(render_reply(reply)) == reply


@pytest.mark.parametrize("letter", ["x", "\0", "\U0001f600", '"'])
def test_a_reply_never_outgrows_its_limit(letter: str) -> None:
    content = render_reply(CommandReply(exit_code=0, stdout=letter * 3_000_000, stderr=letter * 3_000_000))
    assert len(content) <= LARGEST_REPLY
    assert content.count(b"\n") == 1
    assert parse_reply(content).stdout.endswith("the rest was left out]\n")


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("show version", True),
        ("SHOW ip route", True),
        ("show", True),
        ("sh version", False),
        ("shutdown", False),
        ("showx version", False),
        ("configure terminal", False),
        ("do show version", False),
        ("show running-config | redirect bootflash:x", False),
        ("show version > /etc/passwd", False),
        ("show version; reload", False),
    ],
)
def test_only_what_shows_is_allowed_by_default(line: str, allowed: bool) -> None:
    assert (CommandPolicy().refusal(line) is None) is allowed


@pytest.mark.parametrize(
    ("allow", "line", "allowed"),
    [
        (("show ip", "clear counters"), "show ip route", True),
        (("show ip", "clear counters"), "clear counters eth0", True),
        (("show ip", "clear counters"), "show version", False),
        (("show ip",), "show", False),
        (("show * brief",), "show interface brief", True),
        (("show * brief",), "show interface detail", False),
        (("*",), "reload", True),
        (("",), "reload", False),
        ((), "show version", False),
    ],
)
def test_a_pattern_is_what_a_line_begins_with(allow: tuple[str, ...], line: str, allowed: bool) -> None:
    assert (CommandPolicy(allow=allow).refusal(line) is None) is allowed


def test_each_command_of_a_line_must_be_allowed() -> None:
    policy = CommandPolicy(allow=("show", "clear counters"), deny=())
    assert policy.refusal("show version ; clear counters") is None
    assert policy.refusal("show version ; configure terminal") is not None
    assert policy.refusal("show version;reload") is not None
    assert policy.refusal("; show version") is not None


def test_what_is_denied_is_denied_whatever_is_allowed() -> None:
    policy = CommandPolicy(allow=("*",), deny=("reload", "|"))
    assert policy.refusal("show version") is None
    assert policy.refusal("Reload in 5") is not None
    assert policy.refusal("show run | include x") is not None
