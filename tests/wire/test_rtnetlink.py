"""The kernel's news of NICs: read as it writes them, refused when cut."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.network import LinkState
from limpet.wire.rtnetlink import End, everything_request, parse_links

UP, CARRIER = 0x1, 0x10000
NEW, DELETED, DONE, ERROR, OTHER = 16, 17, 3, 2, 20


def member(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, body: bytes, flags: int = 0) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body + bytes(-len(body) % 4)


def nic(
    kind: int = NEW,
    *,
    operation: int = 6,
    flags: int = UP | CARRIER,
    family: int = 0,
    changes: int | None = 2,
) -> bytes:
    members = member(3, b"eth0\0") + member(16, bytes([operation])) + member(1, b"\0\x15\x5d\1\2\3")
    if changes is not None:
        members += member(35, struct.pack("=I", changes))
    return message(kind, struct.pack("=BxHiII", family, 1, 2, flags, 0) + members)


def one(data: bytes) -> LinkState:
    [found] = parse_links(data)
    assert isinstance(found, LinkState)
    return found


def test_a_nic_is_read_with_its_state() -> None:
    assert one(nic()) == LinkState(index=2, name="eth0", up=True, connected=True, changes=2)


@pytest.mark.parametrize(
    ("operation", "flags", "connected"),
    [
        (6, UP | CARRIER, True),
        (0, UP | CARRIER, True),  # drivers that do not tell
        (2, UP | CARRIER, False),
        (3, UP | CARRIER, False),  # lower layer down, which the peer takes for neither
        (5, UP | CARRIER, False),
        (1, UP, False),
        (6, UP, False),
        (2, 0, False),
    ],
)
def test_down_and_lower_layer_down_are_both_no_connection(
    operation: int, flags: int, connected: bool
) -> None:
    assert one(nic(operation=operation, flags=flags)).connected is connected


def test_a_nic_that_is_taken_out_is_not_one_that_leaves_a_bridge() -> None:
    gone = one(nic(DELETED))
    assert (gone.present, gone.connected) == (False, False)
    assert parse_links(nic(DELETED, family=7)) == ()


def test_several_messages_come_in_order_and_others_are_passed_over() -> None:
    found = parse_links(nic() + message(OTHER, b"x" * 30) + nic(DELETED) + message(DONE, bytes(4)))
    assert [type(each) for each in found] == [LinkState, LinkState, End]
    [end] = parse_links(message(DONE, bytes(4), flags=0x10))
    assert isinstance(end, End)
    assert not end.complete


def test_a_kernel_that_does_not_count_is_said_so() -> None:
    assert one(nic(changes=None)).changes is None


def test_a_refusal_is_an_error_and_an_acknowledgement_is_none() -> None:
    with pytest.raises(MalformedDocument, match="refuses"):
        parse_links(message(ERROR, struct.pack("=i", -1) + bytes(16)))
    assert parse_links(message(ERROR, bytes(20))) == ()


@given(st.integers(1, len(nic()) - 1))
def test_a_message_cut_at_any_byte_is_refused(at: int) -> None:
    with pytest.raises(MalformedDocument):
        parse_links(nic()[:at])


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    for noise in (data, message(NEW, data), nic() + data):
        with suppress(MalformedDocument):
            parse_links(noise)


def test_the_question_names_its_own_length() -> None:
    question = everything_request(7)
    length, kind, flags, sequence, _ = struct.unpack_from("=IHHII", question)
    assert (length, kind, flags, sequence) == (len(question), 18, 0x301, 7)
