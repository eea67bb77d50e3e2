"""What becomes a lease, and what is left out of it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.guest.test_dhcp import ACK, OFFER, SERVER

from limpet.guest.lease import AcquiredLease, parse_lease, render_lease
from limpet.guest.offers import DIRECTLY, MOST_ROUTES, knows_platform, lease_of, platform_routes, refusal
from limpet.model.errors import MalformedDocument
from limpet.model.network import DhcpMessage, Route


def route(destination: str, gateway: str = "10.0.0.1") -> Route:
    return Route(destination=IPv4Network(destination), gateway=IPv4Address(gateway))


def lease(message: DhcpMessage = ACK) -> AcquiredLease:
    return lease_of(message, OFFER, "eth0", 5.0)[0]


def test_a_lease_has_what_the_acknowledgement_says() -> None:
    found = lease()
    assert (found.interface, found.mac, str(found.address), found.prefix) == (
        "eth0",
        "00155d010203",
        "10.0.0.4",
        24,
    )
    assert (found.wire_server, found.server, found.obtained, found.seconds) == (SERVER, SERVER, 5.0, None)


def test_a_mask_that_only_the_offer_has_counts() -> None:
    assert lease(replace(ACK, subnet_mask=None)).prefix == 24


def test_without_any_mask_the_addresss_class_counts() -> None:
    assert lease_of(replace(ACK, subnet_mask=None), None, "eth0", 0.0)[0].prefix == 8


def test_the_router_option_counts_only_without_routes() -> None:
    assert lease(replace(ACK, routes=())).routes == (route("0.0.0.0/0"),)
    assert lease(replace(ACK, routes=(route("10.1.0.0/16"),))).routes == (route("10.1.0.0/16"),)


@pytest.mark.parametrize(
    "odd",
    [
        route("127.0.0.0/8"),
        route("224.0.0.0/4"),
        route("240.0.0.0/4"),
        route("10.1.0.0/16", "127.0.0.1"),
        route("10.1.0.0/16", "224.0.0.1"),
        route("10.1.0.0/16", "10.0.0.4"),
    ],
)
def test_a_route_that_cannot_be_one_is_left_out_and_told(odd: Route) -> None:
    found, notes = lease_of(replace(ACK, routes=(odd, route("0.0.0.0/0"))), None, "eth0", 0.0)
    assert found.routes == (route("0.0.0.0/0"),)
    assert str(odd.destination) in notes[0]


def test_a_flood_of_routes_is_cut() -> None:
    many = tuple(route(f"10.{index // 256}.{index % 256}.0/24") for index in range(500))
    found, notes = lease_of(replace(ACK, routes=many), None, "eth0", 0.0)
    assert len(found.routes) == MOST_ROUTES
    assert len(notes) == 1


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "0.1.2.3"])
def test_a_wire_server_that_cannot_be_one_counts_as_absent(address: str) -> None:
    message = replace(ACK, wire_server=IPv4Address(address), routes=(route("0.0.0.0/0"),))
    found, notes = lease_of(message, None, "eth0", 0.0)
    assert found.wire_server is None
    assert "option 245" in notes[0]
    assert not knows_platform(message)


@pytest.mark.parametrize(
    ("changes", "knows"),
    [
        ({}, True),
        ({"wire_server": None}, False),
        ({"wire_server": None, "routes": (route("168.63.129.16/32"),)}, True),
        ({"wire_server": None, "routes": (route("169.254.0.0/16"),)}, True),
        ({"wire_server": None, "routes": (route("10.0.0.0/8"),)}, False),
    ],
)
def test_the_primary_nic_is_known_by_option_245_or_a_route_to_the_platform(
    changes: dict[str, object], knows: bool
) -> None:
    assert knows_platform(replace(ACK, **changes)) is knows  # type: ignore[arg-type]


def test_the_platforms_addresses_get_routes_of_their_own_by_the_default_gateway() -> None:
    assert platform_routes(lease()) == (route("168.63.129.16/32"), route("169.254.169.254/32"))


def test_routes_that_the_lease_has_are_not_made_twice() -> None:
    have = (route("0.0.0.0/0"), route("168.63.129.16/32"), route("169.254.0.0/16"))
    assert platform_routes(lease(replace(ACK, routes=have))) == ()


def test_without_a_gateway_the_platform_is_reached_directly() -> None:
    found = lease(replace(ACK, routes=(), routers=()))
    assert {each.gateway for each in platform_routes(found)} == {DIRECTLY}


def test_another_wire_server_gets_its_route() -> None:
    assert route("192.0.2.9/32") in platform_routes(lease(), IPv4Address("192.0.2.9"))
    assert route("10.0.0.9/32") not in platform_routes(lease(), IPv4Address("10.0.0.9"))  # a neighbour


@pytest.mark.parametrize("name", ["bad name", "a..b", "x" * 300, "semi;colon", "new\nline", "."])
def test_a_domain_that_is_none_is_left_out(name: str) -> None:
    assert lease(replace(ACK, domain_name=name)).domain is None


def test_a_lease_is_read_back() -> None:
    whole = lease(
        replace(ACK, routes=(route("0.0.0.0/0"), route("10.1.0.0/16", "0.0.0.0")), domain_name="a.example")
    )
    assert parse_lease(render_lease(whole)) == whole
    assert parse_lease(render_lease(lease(replace(ACK, lease_seconds=60)))).seconds == 60


@pytest.mark.parametrize("end", range(0, len(render_lease(lease())) - 1, 3))
def test_a_saved_lease_cut_at_any_byte_is_refused(end: int) -> None:
    with pytest.raises(MalformedDocument):
        parse_lease(render_lease(lease())[:end])


@given(st.binary(max_size=200))
def test_a_saved_lease_of_noise_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedDocument):
        parse_lease(content)


@pytest.mark.parametrize(
    ("seconds", "now", "holds"), [(None, 1e9, True), (60, 64.0, True), (60, 66.0, False), (60, 4.0, False)]
)
def test_a_lease_holds_for_its_time(seconds: int | None, now: float, holds: bool) -> None:
    assert replace(lease(), seconds=seconds).holds(now) is holds


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_whatever_passes_makes_a_lease(address: int, mask: int) -> None:
    message = replace(ACK, address=IPv4Address(address), subnet_mask=IPv4Address(mask))
    if refusal(message) is None:
        found = lease_of(message, None, "eth0", 0.0)[0]
        assert 8 <= found.prefix <= 32
        assert IPv4Network((found.address, found.prefix), strict=False).netmask == message.subnet_mask
