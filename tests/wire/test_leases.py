from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.network import Lease
from limpet.wire.leases import parse_isc_leases, parse_networkd_lease, wire_server_of

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "dhcp" / "dhcp.leases"
WIRE_SERVER = IPv4Address("168.63.129.16")
NEW_YEAR_2030 = 1893456000.0


def lease(*statements: str) -> str:
    return "lease {\n" + "".join(f"  {statement}\n" for statement in statements) + "}\n"


def read(*statements: str) -> Lease:
    (found,) = parse_isc_leases(lease(*statements).encode())
    return found


def test_a_lease_is_read() -> None:
    assert read(
        'interface "eth0";',
        "fixed-address 10.0.1.4;",
        "option subnet-mask 255.255.255.0;",
        "option domain-name-servers 168.63.129.16, 8.8.8.8;",
        "option unknown-245 a8:3f:81:10;",
        'option domain-name "a{b};c.net";',
        "renew 0 2029/07/23 23:27:10;",
        "expire 2 2030/01/01 00:00:00;",
    ) == Lease(
        interface="eth0", address=IPv4Address("10.0.1.4"), wire_server=WIRE_SERVER, expires=NEW_YEAR_2030
    )


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("a8:3f:81:10", "168.63.129.16"),
        ("A8:3F:81:10", "168.63.129.16"),
        ("a:0:0:1", "10.0.0.1"),
        (r'"\250?\201\020"', "168.63.129.16"),
        (r'"d\"\\!"', "100.34.92.33"),
        ('"a{;}"', "97.123.59.125"),
        ("0:0:0:0", None),
        ("a8:3f:81", None),
        ("a8:3f:81:10:00", None),
        ("a8:3f:81:1g", None),
        ('"abc"', None),
        ('"größe"', None),
        ('"\u20ac\u20ac\u20ac\u20ac"', None),
        ("168.63.129.16", None),
    ],
)
def test_option_245_is_read_in_hexadecimal_and_as_text(value: str, address: str | None) -> None:
    found = read(f"option unknown-245 {value};", "expire never;").wire_server
    assert found == (None if address is None else IPv4Address(address))


def test_openbsds_name_of_the_option_is_known_and_other_options_are_not_taken_for_it() -> None:
    assert read("option option-245 a8:3f:81:10;", "expire never;").wire_server == WIRE_SERVER
    assert read("option unknown-246 a8:3f:81:10;", "expire never;").wire_server is None


@pytest.mark.parametrize(
    ("statement", "expires"),
    [
        ("expire never;", None),
        ("expire 0 never;", None),
        ("expire 2 2030/01/01 00:00:00;", NEW_YEAR_2030),
        ("expire 2 2030/01/01 00:00:00 UTC;", NEW_YEAR_2030),
        ("expire epoch 1893456000; # Tue Jan  1 00:00:00 2030", NEW_YEAR_2030),
    ],
)
def test_every_spelling_of_an_end_is_read(statement: str, expires: float | None) -> None:
    assert read(statement).expires == expires


@pytest.mark.parametrize(
    "statements",
    [
        (),
        ("expire;",),
        ("expire soon;",),
        ("expire 2 2030/13/01 00:00:00;",),
        ("expire 2 2030/01/01;",),
        ("expire 2 2030/01/01 00:00:00 PST;",),
        ("expire epoch x;",),
        ("expire epoch 99999999999999999999;",),
        ("renew 2 2030/01/01 00:00:00;",),
    ],
)
def test_a_lease_without_a_usable_end_is_left_out(statements: tuple[str, ...]) -> None:
    assert parse_isc_leases(lease("option unknown-245 a8:3f:81:10;", *statements).encode()) == ()


def test_blocks_inside_a_lease_and_around_it_are_not_taken_for_it() -> None:
    text = (
        'default-duid "x";\nlease6 { expire never; option unknown-245 1:1:1:1; }\n'
        + lease("expire never;", "option unknown-245 a8:3f:81:10;", "key { option unknown-245 2:2:2:2; }")
        + "} } ;"
        + lease("expire never;")
    )
    assert [found.wire_server for found in parse_isc_leases(text.encode())] == [WIRE_SERVER, None]


def test_a_text_that_does_not_end_hides_what_follows() -> None:
    text = lease("expire never;") + lease('interface "eth0;', "expire never;")
    assert len(parse_isc_leases(text.encode())) == 1


LEASES = [Lease(expires=None, wire_server=IPv4Address(number)) for number in (1, 2)]


@pytest.mark.parametrize(
    ("leases", "now", "found"),
    [
        ((), 0.0, None),
        (LEASES, 0.0, IPv4Address(2)),
        ((LEASES[0], Lease(expires=10.0, wire_server=WIRE_SERVER)), 9.0, WIRE_SERVER),
        ((LEASES[0], Lease(expires=10.0, wire_server=WIRE_SERVER)), 10.0, IPv4Address(1)),
        ((LEASES[0], Lease()), 0.0, IPv4Address(1)),
    ],
)
def test_the_last_lease_that_holds_and_names_a_wire_server_wins(
    leases: tuple[Lease, ...], now: float, found: IPv4Address | None
) -> None:
    assert wire_server_of(leases, now) == found


def test_a_file_cut_at_any_byte_gives_the_leases_that_are_complete() -> None:
    text = lease("option unknown-245 1:1:1:1;", "expire never;") + lease(
        'interface "eth0";', "option unknown-245 2:2:2:2;", "expire 2 2030/01/01 00:00:00;"
    )
    whole = parse_isc_leases(text.encode())
    assert len(whole) == 2
    for length in range(len(text)):
        cut = parse_isc_leases(text[:length].encode())
        assert cut == whole[: len(cut)]


@given(st.binary(max_size=200) | st.text('{};"\\#leasxpirnv 5\n').map(str.encode))
def test_any_bytes_give_leases_or_none(content: bytes) -> None:
    assert isinstance(parse_isc_leases(content), tuple)
    assert isinstance(parse_networkd_lease(content), Lease)


def test_a_networkd_lease_is_read() -> None:
    content = b"# This is private data. Do not parse.\nADDRESS=10.0.1.4\nNETMASK=255.255.255.0\nOPTION_245=a83f8110\n"
    assert parse_networkd_lease(content) == Lease(address=IPv4Address("10.0.1.4"), wire_server=WIRE_SERVER)


@pytest.mark.parametrize(
    "line", ["OPTION_245=", "OPTION_245=00000000", "OPTION_245=a83f81", "OPTION_245=a83f8110ff", "OPTION_245=xyzw8110", "#OPTION_245=a83f8110", "OPTION_24=a83f8110"]
)  # fmt: skip
def test_a_networkd_lease_without_a_usable_option_245_names_no_wire_server(line: str) -> None:
    assert parse_networkd_lease(f"ADDRESS=x\n{line}\n".encode()) == Lease()


def test_a_file_larger_than_leases_get_is_refused() -> None:
    for parse in (parse_isc_leases, parse_networkd_lease):
        with pytest.raises(MalformedDocument, match="larger than"):
            parse(b" " * (1024 * 1024 + 1))


@pytest.mark.skipif(not CORPUS.is_file(), reason="no corpus beside this checkout")
def test_the_corpus_file_is_read() -> None:
    leases = parse_isc_leases(CORPUS.read_bytes())
    assert [found.expires for found in leases] == [
        None,
        datetime(2015, 6, 16, 16, 58, 54, tzinfo=UTC).timestamp(),
        datetime(2152, 7, 23, 23, 27, 10, tzinfo=UTC).timestamp(),
    ]
    assert wire_server_of(leases, NEW_YEAR_2030) == WIRE_SERVER
