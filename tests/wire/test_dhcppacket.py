"""IPv4 and UDP by hand: what goes out is well formed, and only what is well formed comes in."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.wire.dhcppacket import checksum, packet, payload_of


def answer(
    payload: bytes,
    *,
    ports: tuple[int, int] = (67, 68),
    options: bytes = b"",
    protocol: int = 17,
    fragment: int = 0,
) -> bytes:
    source, destination = IPv4Address("168.63.129.16").packed, IPv4Address("10.0.0.4").packed
    length = 8 + len(payload)
    udp = struct.pack("!HHHH", *ports, length, 0) + payload
    pseudo = source + destination + struct.pack("!BBH", 0, 17, length)
    udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp) or 0xFFFF) + payload
    size = 20 + len(options)
    head = struct.pack("!BBHHHBBH", 0x40 | size // 4, 0, size + length, 1, fragment, 64, protocol, 0)
    head += source + destination + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + udp


@given(st.binary(max_size=600))
def test_what_goes_out_has_correct_sums_and_ports(payload: bytes) -> None:
    made = packet(payload)
    assert checksum(made[:20]) == 0
    assert made[12:20] == bytes(4) + b"\xff" * 4
    assert struct.unpack("!HH", made[20:24]) == (68, 67)
    assert checksum(made[12:20] + struct.pack("!BBH", 0, 17, 8 + len(payload)) + made[20:]) == 0
    assert made[28:] == payload


@given(st.binary(max_size=600), st.sampled_from([b"", bytes(4), bytes(40)]))
def test_an_answer_is_read_with_and_without_options_and_padding(payload: bytes, options: bytes) -> None:
    assert payload_of(answer(payload, options=options)) == payload
    assert payload_of(answer(payload, options=options) + bytes(18)) == payload


@given(st.binary(min_size=1, max_size=100), st.data())
def test_a_flipped_bit_is_noticed(payload: bytes, data: st.DataObject) -> None:
    made = bytearray(answer(payload))
    at = data.draw(st.integers(0, len(made) - 1).filter(lambda at: at not in {26, 27}))
    made[at] ^= 1 << data.draw(st.integers(0, 7))
    assert payload_of(bytes(made)) is None


def test_a_checksum_that_the_card_would_have_filled_in_is_not_asked_for() -> None:
    made = bytearray(answer(b"payload"))
    made[26:28] = b"\x12\x34"
    assert payload_of(bytes(made)) is None
    assert payload_of(bytes(made), checked=False) == b"payload"
    made[26:28] = b"\0\0"
    assert payload_of(bytes(made)) == b"payload"  # none was made


@pytest.mark.parametrize(
    "other",
    [
        b"",
        answer(b"x")[:27],
        answer(b"x", ports=(67, 69)),
        answer(b"x", ports=(66, 68)),
        answer(b"x", protocol=6),
        answer(b"x", fragment=0x2000),
        answer(b"x", fragment=0x0001),
        b"\x60" + answer(b"x")[1:],
        packet(b"x"),
    ],
)
def test_other_traffic_is_not_for_us(other: bytes) -> None:
    assert payload_of(other) is None


@given(st.binary(max_size=200))
def test_noise_is_not_for_us(content: bytes) -> None:
    assert payload_of(content) is None or len(content) >= 28


def test_a_payload_that_no_packet_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        packet(bytes(65536))
