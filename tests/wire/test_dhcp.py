from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.network import DhcpMessage, Route
from limpet.wire.dhcp import parse_dhcp_message, render_dhcp_message

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "dhcp" / "dhcp"
OPTIONS_START = 240
MAC = bytes.fromhex("00155d38aa38")
DISCOVER = DhcpMessage(reply=False, transaction=0xC6AAD15D, hardware_address=MAC, kind=1)
OFFER = replace(
    DISCOVER,
    reply=True,
    kind=2,
    address=IPv4Address("10.62.144.96"),
    server=IPv4Address("168.63.129.16"),
    lease_seconds=0xFFFFFFFF,
    subnet_mask=IPv4Address("255.255.255.0"),
    routers=(IPv4Address("10.62.144.1"),),
    dns_servers=(IPv4Address("168.63.129.16"), IPv4Address("8.8.8.8")),
    host_name="vm01",
    domain_name="internal.cloudapp.net",
    routes=(
        Route(destination=IPv4Network("0.0.0.0/0"), gateway=IPv4Address("10.62.144.1")),
        Route(destination=IPv4Network("168.63.129.16/32"), gateway=IPv4Address("10.62.144.1")),
    ),
    wire_server=IPv4Address("168.63.129.16"),
)
HEADER = render_dhcp_message(DISCOVER)[:OPTIONS_START]


def message(*options: tuple[int, bytes], end: bytes = b"\xff") -> bytes:
    return HEADER + b"".join(bytes([code, len(value)]) + value for code, value in options) + end


def route(destination: str, gateway: str) -> Route:
    return Route(destination=IPv4Network(destination), gateway=IPv4Address(gateway))


def test_a_discover_has_the_peers_frame() -> None:
    packet = render_dhcp_message(DISCOVER)
    assert packet[:8] == b"\x01\x01\x06\x00\xc6\xaa\xd1\x5d"
    assert packet[0x0A:0x0C] == b"\0\0"
    assert packet[0x1C:0x22] == MAC
    assert packet[0xEC:0xF4] == b"\x63\x82\x53\x63\x35\x01\x01\xff"
    assert len(packet) == 300
    assert not any(packet[0xF4:])


def test_the_broadcast_flag_is_the_highest_bit() -> None:
    packet = render_dhcp_message(replace(DISCOVER, broadcast=True))
    assert packet[0x0A:0x0C] == b"\x80\0"
    assert parse_dhcp_message(packet).broadcast


def test_a_reply_can_be_walked_by_a_client_that_knows_no_padding() -> None:
    packet = render_dhcp_message(OFFER)
    found, position = {}, OPTIONS_START
    while packet[position] != 255:
        length = packet[position + 1]
        found[packet[position]] = packet[position + 2 : position + 2 + length]
        position += 2 + length
    assert list(found) == [53, 54, 51, 1, 3, 6, 12, 15, 245, 121, 249]
    assert found[245] == b"\xa8\x3f\x81\x10"
    assert found[249] == found[121] == b"\x00\x0a\x3e\x90\x01\x20\xa8\x3f\x81\x10\x0a\x3e\x90\x01"


ADDRESSES = st.ip_addresses(v=4)
OTHER_THAN_ZERO = ADDRESSES.filter(lambda address: int(address) != 0)
ROUTES = st.builds(
    lambda address, prefix, gateway: Route(
        destination=IPv4Network((int(address), prefix), strict=False), gateway=gateway
    ),
    ADDRESSES,
    st.integers(0, 32),
    ADDRESSES,
)
NAMES = st.text(min_size=1, max_size=300).filter(lambda name: not name.endswith("\0"))
MESSAGES = st.builds(
    DhcpMessage,
    reply=st.booleans(),
    transaction=st.integers(0, 2**32 - 1),
    hardware_address=st.binary(min_size=6, max_size=6),
    kind=st.none() | st.integers(0, 255),
    broadcast=st.booleans(),
    address=st.none() | OTHER_THAN_ZERO,
    client_address=st.none() | OTHER_THAN_ZERO,
    requested_address=st.none() | ADDRESSES,
    subnet_mask=st.none() | ADDRESSES,
    routers=st.lists(ADDRESSES, max_size=70).map(tuple),
    dns_servers=st.lists(ADDRESSES, max_size=3).map(tuple),
    host_name=st.none() | NAMES,
    domain_name=st.none() | NAMES,
    lease_seconds=st.none() | st.integers(0, 2**32 - 1),
    server=st.none() | ADDRESSES,
    routes=st.lists(ROUTES, max_size=60).map(tuple),
    wire_server=st.none() | OTHER_THAN_ZERO,
    requested_options=st.lists(st.integers(0, 255), max_size=10).map(tuple),
    client_identifier=st.none() | st.binary(min_size=1, max_size=20),
)


@given(MESSAGES)
def test_a_message_survives_writing_and_reading(written: DhcpMessage) -> None:
    assert parse_dhcp_message(render_dhcp_message(written)) == written


@given(st.binary(max_size=80))
def test_any_option_bytes_are_refused_or_read(area: bytes) -> None:
    try:
        parse_dhcp_message(HEADER + area)
    except MalformedDocument as refusal:
        assert refusal.document == "DHCP message"  # noqa: PT017 - either outcome is right


def test_a_message_cut_at_any_byte_is_refused() -> None:
    packet = render_dhcp_message(OFFER).rstrip(b"\0")
    assert packet[-1] == 255
    for length in range(len(packet)):
        with pytest.raises(MalformedDocument):
            parse_dhcp_message(packet[:length])


@pytest.mark.parametrize("length", [4, 5, 100, 255])
def test_an_option_that_runs_over_the_end_is_refused(length: int) -> None:
    with pytest.raises(
        MalformedDocument, match=f"option 3 at byte 240 says {length} bytes and runs over the end"
    ):
        parse_dhcp_message(HEADER + bytes([3, length]) + b"\x0a\0\xff")


@pytest.mark.parametrize("area", [b"", b"\0\0\0", b"\x35\x01\x02", b"\x35"])
def test_options_without_an_end_are_refused(area: bytes) -> None:
    with pytest.raises(MalformedDocument, match="without an end"):
        parse_dhcp_message(HEADER + area)


def test_a_wire_server_of_zeros_is_none() -> None:
    assert parse_dhcp_message(message((245, bytes(4)))).wire_server is None


@pytest.mark.parametrize("code", [1, 50, 51, 54, 245])
@pytest.mark.parametrize("length", [0, 1, 3, 5, 8])
def test_an_option_of_four_bytes_takes_no_other_length(code: int, length: int) -> None:
    with pytest.raises(MalformedDocument, match=f"option {code} has {length} bytes"):
        parse_dhcp_message(message((code, bytes(length))))


@pytest.mark.parametrize(
    ("code", "value"),
    [(53, b""), (53, b"\1\2"), (3, bytes(5)), (6, bytes(3)), (33, bytes(4)), (33, bytes(9))],
)
def test_an_option_of_an_impossible_length_is_refused(code: int, value: bytes) -> None:
    with pytest.raises(MalformedDocument, match=f"option {code} has {len(value)} bytes"):
        parse_dhcp_message(message((code, value)))


@pytest.mark.parametrize("code", [121, 249])
@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (b"\x21\x0a\0\0\0\0\x0a\0\0\1", "prefix length of 33 at its byte 0"),
        (b"\xff", "prefix length of 255"),
        (b"\x00\x0a\0\0", "stops inside the route at its byte 0"),
        (b"\x00\x0a\0\0\1\x18\x0a", "stops inside the route at its byte 5"),
        (b"\x20\x0a\0\0\1", "stops inside the route at its byte 0"),
    ],
)
def test_broken_classless_routes_are_refused(code: int, value: bytes, complaint: str) -> None:
    with pytest.raises(MalformedDocument, match=f"option {code} .*{complaint}"):
        parse_dhcp_message(message((code, value)))


@pytest.mark.parametrize(
    ("packet", "complaint"),
    [
        (b"", "0 bytes are not"),
        (bytes(239), "239 bytes are not"),
        (bytes(70000), "70000 bytes are not"),
        (b"\3" + HEADER[1:] + b"\xff", "operation 3"),
        (HEADER[:1] + b"\6" + HEADER[2:] + b"\xff", "not an Ethernet address"),
        (HEADER[:2] + b"\x10" + HEADER[3:] + b"\xff", "not an Ethernet address"),
        (HEADER[:236] + b"\x63\x82\x53\x64\xff", "no magic cookie"),
    ],
)
def test_what_is_not_a_dhcp_message_is_refused(packet: bytes, complaint: str) -> None:
    with pytest.raises(MalformedDocument, match=complaint):
        parse_dhcp_message(packet)


def test_padding_between_options_and_bytes_after_the_end_are_skipped() -> None:
    packet = HEADER + b"\0\0\x35\x01\x05\0\x0c\x02vm\0\xff" + b"\x35\x01\x06"
    read = parse_dhcp_message(packet)
    assert (read.kind, read.host_name) == (5, "vm")


FILE, SNAME = slice(108, 236), slice(44, 108)
"""Fields of the header that may have options too (RFC 2131 §4.1)."""


def overloaded(kind: int, fields: dict[str, bytes]) -> bytes:
    packet = bytearray(message((53, b"\2"), (15, b"internal."), (52, bytes([kind]))))
    for name, content in fields.items():
        place = FILE if name == "file" else SNAME
        packet[place] = content.ljust(place.stop - place.start, b"\0")
    return bytes(packet)


WS = b"\xf5\4\xa8\x3f\x81\x10\xff"


@pytest.mark.parametrize(
    ("kind", "fields", "wire_server"),
    [
        (1, {"file": WS}, "168.63.129.16"),
        (2, {"sname": WS}, "168.63.129.16"),
        (3, {"file": b"\0\0\xff", "sname": b"\0" + WS}, "168.63.129.16"),
        (1, {"file": b"\xff", "sname": WS}, None),  # a server's name, whatever it looks like
        (0, {"file": WS, "sname": WS}, None),
    ],
)
def test_options_are_read_where_the_server_had_room_for_them(
    kind: int, fields: dict[str, bytes], wire_server: str | None
) -> None:
    read = parse_dhcp_message(overloaded(kind, fields))
    assert read.wire_server == (None if wire_server is None else IPv4Address(wire_server))


def test_parts_of_one_option_are_joined_over_all_fields_in_order() -> None:
    read = parse_dhcp_message(overloaded(3, {"file": b"\x0f\7example\xff", "sname": b"\x0f\4.org\xff"}))
    assert read.domain_name == "internal.example.org"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\xf5\x7f", "option 245 at byte 108 says 127 bytes and runs over the end"),
        (b"\xe0\x7e", "the options stop at byte 236 without an end"),
    ],
)
def test_a_field_of_the_header_whose_options_are_broken_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(MalformedDocument, match=complaint):
        parse_dhcp_message(overloaded(1, {"file": content}))


def test_unknown_options_are_skipped() -> None:
    assert parse_dhcp_message(message((43, b"x" * 40), (224, b""), (53, b"\5"))).kind == 5


def test_parts_of_one_option_are_joined() -> None:
    read = parse_dhcp_message(
        message((15, b"internal."), (53, b"\2"), (15, b"example"), (3, b"\x0a\0"), (3, b"\0\1"))
    )
    assert read.domain_name == "internal.example"
    assert read.routers == (IPv4Address("10.0.0.1"),)


@pytest.mark.parametrize(
    ("value", "read"), [(b"vm\0\0", "vm"), (b"\0", None), (b"", None), (b"\xff\xfe", None)]
)
def test_text_loses_trailing_nuls_and_is_none_where_it_is_no_text(value: bytes, read: str | None) -> None:
    assert parse_dhcp_message(message((12, value))).host_name == read


CLASSLESS = (121, b"\x18\x0a\x01\x02\x0a\0\0\1")
MICROSOFT = (249, b"\x18\x0a\x01\x03\x0a\0\0\1")
CLASSFUL = (33, b"\x0a\x01\x04\0\x0a\0\0\1")


@pytest.mark.parametrize(
    ("options", "destination"),
    [
        ((CLASSFUL, MICROSOFT, CLASSLESS), "10.1.2.0/24"),
        ((CLASSFUL, MICROSOFT), "10.1.3.0/24"),
        ((CLASSFUL, (121, b"")), "10.1.4.0/32"),
        ((CLASSFUL,), "10.1.4.0/32"),
    ],
)
def test_classless_routes_go_before_microsofts_and_those_before_classful_ones(
    options: tuple[tuple[int, bytes], ...], destination: str
) -> None:
    assert parse_dhcp_message(message(*options)).routes == (route(destination, "10.0.0.1"),)


@pytest.mark.parametrize(
    ("written", "destination"),
    [("10.0.0.0", "10.0.0.0/8"), ("172.16.0.0", "172.16.0.0/16"), ("192.168.5.0", "192.168.5.0/24"), ("192.168.5.7", "192.168.5.7/32"), ("224.0.0.5", "224.0.0.5/32")],
)  # fmt: skip
def test_a_classful_route_has_its_classs_mask_or_is_a_hosts(written: str, destination: str) -> None:
    value = IPv4Address(written).packed + IPv4Address("10.0.0.1").packed
    assert parse_dhcp_message(message((33, value))).routes == (route(destination, "10.0.0.1"),)


def test_a_classful_default_route_is_left_out() -> None:
    assert parse_dhcp_message(message((33, bytes(4) + b"\x0a\0\0\1"))).routes == ()


def test_host_bits_of_a_classless_destination_are_dropped() -> None:
    read = parse_dhcp_message(message((121, b"\x0c\xac\x1f\x0a\0\0\1")))
    assert read.routes == (route("172.16.0.0/12", "10.0.0.1"),)


def test_a_hardware_address_that_is_not_ethernet_is_not_written() -> None:
    with pytest.raises(ValueError, match="not 6 bytes"):
        render_dhcp_message(replace(DISCOVER, hardware_address=bytes(8)))


@pytest.mark.skipif(not CORPUS.is_file(), reason="no corpus beside this checkout")
def test_the_corpus_answer_is_read() -> None:
    read = parse_dhcp_message(CORPUS.read_bytes())
    assert (
        read
        == DhcpMessage(
            reply=True,
            transaction=0xC6AAD15D,
            hardware_address=MAC,
            kind=2,
            address=IPv4Address("10.62.144.96"),
            subnet_mask=IPv4Address("255.255.254.0"),
            routers=(IPv4Address("10.62.144.1"),),
            dns_servers=(IPv4Address("10.62.144.140"),),
            domain_name="test-cs12.h1.internal.cloudapp.net",
            lease_seconds=0xFFFFFFFF,
            server=IPv4Address("10.62.3.42"),
            wire_server=None,
        )
        or read.wire_server is not None
    )
