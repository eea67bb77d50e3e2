"""The platform's DHCP: what it answers to whom, what it remembers, and how it lies."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulator.worlds import ADDRESS, NAME, NOW, world

from limpet.emulator.dhcp import answers
from limpet.emulator.dhcp.answers import SERVER, Answer
from limpet.emulator.dhcp.kinds import Kind
from limpet.emulator.dhcp.lies import LIES, OTHER_ADDRESS, OTHER_SERVER, payloads
from limpet.emulator.faults import Facts, Fault, FaultRefused, decide, read_rule, with_rule
from limpet.emulator.routes.table import NAMES
from limpet.emulator.world.vm import Nic
from limpet.model.errors import MalformedDocument
from limpet.model.network import DhcpMessage, Route
from limpet.wire.dhcp import parse_dhcp_message, render_dhcp_message

if TYPE_CHECKING:
    from limpet.emulator.world.state import World

PRIMARY, SECONDARY, STRANGER = "000D3A000004", "000D3A0000FF", "020000000001"
SECOND_ADDRESS = "10.0.1.9"
GATEWAY = IPv4Address("10.0.0.1")


def two_nics() -> World:
    one = world()
    vm = replace(one.vm(NAME), more_nics=(Nic(mac=SECONDARY, address=SECOND_ADDRESS),))
    return one.with_vm(vm)


def ask(kind: Kind, mac: str = PRIMARY, **members: Any) -> DhcpMessage:
    return DhcpMessage(
        reply=False, transaction=77, hardware_address=bytes.fromhex(mac), kind=kind.value, **members
    )


def answered(start: World, message: DhcpMessage) -> tuple[World, Answer]:
    return answers.answer(start, message, NOW + 5)


def proper(kind: Kind = Kind.DISCOVER, /, **members: Any) -> DhcpMessage:
    message = answered(two_nics(), ask(kind, **members))[1].message
    assert message is not None
    return message


def test_an_offer_says_all_that_the_platform_says() -> None:
    found = proper()
    assert parse_dhcp_message(render_dhcp_message(found)) == found
    assert found == DhcpMessage(
        reply=True,
        transaction=77,
        hardware_address=bytes.fromhex(PRIMARY),
        kind=Kind.OFFER.value,
        address=IPv4Address(ADDRESS),
        subnet_mask=IPv4Address("255.255.255.0"),
        routers=(GATEWAY,),
        dns_servers=(SERVER,),
        domain_name="internal.cloudapp.net",
        lease_seconds=0xFFFFFFFF,
        server=SERVER,
        routes=tuple(
            Route(destination=IPv4Network(net), gateway=GATEWAY)
            for net in ("0.0.0.0/0", "168.63.129.16/32", "169.254.169.254/32")
        ),
        wire_server=SERVER,
    )


def test_routes_go_by_both_options_and_the_wire_server_by_its_own() -> None:
    raw = render_dhcp_message(proper())
    assert {1, 3, 6, 15, 51, 53, 54, 121, 245, 249} <= options(raw).keys()


def options(raw: bytes) -> dict[int, bytes]:
    found, position = {}, 240
    while raw[position] != 255:
        code, length = raw[position], raw[position + 1]
        found[code] = raw[position + 2 : position + 2 + length]
        position += 2 + length
    return found


def test_a_nic_that_is_not_the_primary_one_has_no_way_to_the_platform() -> None:
    found = answered(two_nics(), ask(Kind.DISCOVER, SECONDARY))[1].message
    assert found is not None
    assert (found.address, found.routers, found.routes, found.wire_server) == (
        IPv4Address(SECOND_ADDRESS), (), (), None,
    )  # fmt: skip


@pytest.mark.parametrize("how", ["requested_address", "client_address"])
def test_a_request_for_its_own_address_is_acknowledged_and_remembered(how: str) -> None:
    members: dict[str, Any] = {how: IPv4Address(ADDRESS)}
    after, answer = answered(two_nics(), ask(Kind.REQUEST, server=SERVER, **members))
    assert answer.message is not None
    assert answer.message.kind == Kind.ACK.value
    assert after.vm(NAME).leases == {PRIMARY: NOW + 5}


@pytest.mark.parametrize("asked", [None, "10.0.0.5", SECOND_ADDRESS])
def test_a_request_for_another_address_is_refused(asked: str | None) -> None:
    address = None if asked is None else IPv4Address(asked)
    before = two_nics()
    after, answer = answered(before, ask(Kind.REQUEST, requested_address=address))
    assert answer.message is not None
    assert (answer.message.kind, answer.message.address) == (Kind.NAK.value, None)
    assert answer.remarks
    assert after == before


def test_a_request_to_another_server_is_not_ours() -> None:
    before = two_nics()
    message = ask(Kind.REQUEST, server=OTHER_SERVER, requested_address=IPv4Address(ADDRESS))
    assert answered(before, message) == (before, Answer(remarks=("the client chose the server 192.0.2.1",)))


def test_an_unknown_mac_gets_no_answer() -> None:
    before = two_nics()
    after, answer = answered(before, ask(Kind.DISCOVER, STRANGER))
    assert (after, answer.message, len(answer.remarks)) == (before, None, 1)


def test_a_nic_with_an_ipv6_address_gets_no_answer() -> None:
    start = two_nics()
    vm = replace(start.vm(NAME), more_nics=(Nic(mac=SECONDARY, address="2001:db8::4"),))
    answer = answered(start.with_vm(vm), ask(Kind.DISCOVER, SECONDARY))[1]
    assert (answer.message, len(answer.remarks)) == (None, 1)


@pytest.mark.parametrize("kind", [Kind.DECLINE, Kind.RELEASE, Kind.OFFER, Kind.ACK])
def test_what_needs_no_answer_gets_none(kind: Kind) -> None:
    assert answered(two_nics(), ask(kind, host_name="box")) == (two_nics(), Answer())


def test_who_only_informs_gets_no_address_and_no_lease() -> None:
    found = proper(Kind.INFORM, client_address=IPv4Address(ADDRESS))
    assert (found.kind, found.address, found.lease_seconds, found.wire_server) == (
        Kind.ACK.value, None, None, SERVER,
    )  # fmt: skip


def test_the_dns_takes_the_host_name_of_requests_and_not_of_discoveries() -> None:
    start = two_nics()
    start, _ = answered(start, ask(Kind.DISCOVER, host_name="early"))
    assert start.vm(NAME).registered_name is None
    for name in ("box", "box", "renamed", None):
        message = ask(Kind.REQUEST, requested_address=IPv4Address(ADDRESS), host_name=name)
        start, _ = answered(start, message)
    known = start.vm(NAME).registered_name
    assert known is not None
    assert known.value == "renamed"
    told = [event.data["hostName"] for event in start.events.ring if event.kind == "host-name"]
    assert told == ["box", "renamed"]


@pytest.mark.parametrize(
    ("message", "endpoint"),
    [
        (ask(Kind.DISCOVER), "dhcp-discover"),
        (ask(Kind.REQUEST, requested_address=IPv4Address(ADDRESS)), "dhcp-request"),
        (ask(Kind.REQUEST, client_address=IPv4Address(ADDRESS)), "dhcp-renew"),
        (ask(Kind.INFORM), "dhcp-inform"),
        (ask(Kind.DECLINE), "dhcp-decline"),
        (ask(Kind.RELEASE), "dhcp-release"),
        (ask(Kind.OFFER), None),
        (replace(ask(Kind.DISCOVER), reply=True), None),
        (replace(ask(Kind.DISCOVER), kind=99), None),
        (replace(ask(Kind.DISCOVER), kind=None), None),
    ],
)
def test_each_message_has_its_endpoint(message: DhcpMessage, endpoint: str | None) -> None:
    assert answers.endpoint_of(message) == endpoint
    assert endpoint is None or endpoint in NAMES


def test_answers_go_to_everybody_unless_the_client_has_an_address() -> None:
    asked = ask(Kind.REQUEST, client_address=IPv4Address(ADDRESS))
    good, bad = proper(Kind.REQUEST, client_address=IPv4Address(ADDRESS)), proper(Kind.REQUEST)
    assert answers.destination(asked, good) == IPv4Address(ADDRESS)
    assert answers.destination(replace(asked, broadcast=True), good) is None
    assert answers.destination(asked, bad) is None
    assert answers.destination(ask(Kind.DISCOVER), proper()) is None


@given(st.binary(max_size=600))
def test_no_packet_is_too_odd_for_it(packet: bytes) -> None:
    try:
        message = parse_dhcp_message(packet)
    except MalformedDocument:
        return
    answers.answer(two_nics(), message, NOW)


def lied(lie: str, kind: Kind = Kind.DISCOVER, *, times: int | None = None) -> list[DhcpMessage]:
    members = {} if kind is Kind.DISCOVER else {"requested_address": IPv4Address(ADDRESS)}
    return [
        parse_dhcp_message(each) for each in payloads(proper(kind, **members), Fault(lie=lie, times=times))
    ]


LIED: dict[str, dict[str, Any]] = {
    "no-wire-server": {"wire_server": None},
    "wrong-wire-server": {"wire_server": OTHER_SERVER},
    "no-routes": {"routes": ()},
    "no-router": {"routes": (), "routers": ()},
    "wrong-transaction": {"transaction": 77 ^ 0xFFFFFFFF},
    "wrong-hardware-address": {"hardware_address": bytes.fromhex("020D3A000004")},
    "short-lease": {"lease_seconds": 20},
    "other-address": {"address": IPv4Address("10.0.0.104")},
    "other-network": {"address": OTHER_ADDRESS},
    "oversized": {},
}


@pytest.mark.parametrize("lie", LIED)
def test_a_lie_changes_what_it_says_and_nothing_else(lie: str) -> None:
    assert lied(lie) == [replace(proper(), **LIED[lie])]


UNREADABLE = ("overflow", "no-end", "odd-length")


@pytest.mark.parametrize("lie", UNREADABLE)
def test_what_runs_over_its_end_cannot_be_read(lie: str) -> None:
    (packet,) = payloads(proper(), Fault(lie=lie))
    with pytest.raises(MalformedDocument):
        parse_dhcp_message(packet)


def test_the_other_lies() -> None:
    assert [found.kind for found in lied("nak", Kind.REQUEST)] == [Kind.NAK.value]
    assert len(lied("repeat")) == 3
    assert lied("repeat", times=7) == [proper()] * 7
    other, ours = lied("two-servers")
    assert (other.server, other.wire_server, ours) == (OTHER_SERVER, None, proper())
    assert len(payloads(proper(), Fault(lie="oversized"))[0]) > 1200


def test_every_lie_is_tested_and_described() -> None:
    assert set(LIES) == {*LIED, *UNREADABLE, "nak", "repeat", "two-servers"}
    page = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
    for name in (*LIES, *answers.ENDPOINTS):
        assert f"`{name}`" in page


def test_answers_can_be_silent_garbage_or_cut() -> None:
    whole = render_dhcp_message(proper())
    assert payloads(proper(), None) == (whole,)
    assert payloads(proper(), Fault(delay=3)) == (whole,)
    assert payloads(proper(), Fault(refused=True)) == ()
    assert payloads(proper(), Fault(cut=250)) == (whole[:250],)
    (garbage,) = payloads(proper(), Fault(garbage=True))
    with pytest.raises(MalformedDocument):
        parse_dhcp_message(garbage)


def test_rules_tell_dhcp_from_http() -> None:
    rules = with_rule((), read_rule({"endpoint": "*", "lie": "nak"}, NAMES))
    rules = with_rule(rules, read_rule({"endpoint": "*", "status": 503}, NAMES))
    faults = {
        service: decide(rules, Facts(vm=NAME, service=service, endpoint=endpoint))[1]
        for service, endpoint in (("dhcp", "dhcp-discover"), ("imds", "instance-metadata"))
    }
    assert faults == {"dhcp": Fault(lie="nak"), "imds": Fault(status=503)}


@pytest.mark.parametrize(
    ("members", "member"),
    [
        ({"lie": "white"}, "lie"),
        ({"lie": "nak", "status": 503}, "lie"),
        ({"times": 3, "refused": True}, "times"),
        ({"lie": "repeat", "times": 0}, "times"),
        ({"lie": "repeat", "times": 1000}, "times"),
    ],
)
def test_rules_that_make_no_sense_are_refused(members: dict[str, Any], member: str) -> None:
    with pytest.raises(FaultRefused) as refused:
        read_rule({"endpoint": "dhcp-*", **members}, NAMES)
    assert refused.value.member == member


def test_a_lie_is_told_in_words_and_in_json() -> None:
    fault = Fault(delay=1, lie="repeat", times=4)
    assert fault.describe() == "delay 1 s, repeat 4 times"
    assert fault.as_json() == {"delay": 1, "lie": "repeat", "times": 4}
