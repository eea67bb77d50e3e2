"""The DHCP client as a table: what it does, and what it does not fall for."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest import dhcp
from limpet.guest.dhcp import TABLE, Event, Move, Session, State
from limpet.model.network import DhcpMessage, Route
from limpet.wire.dhcp import parse_dhcp_message, render_dhcp_message

MAC = bytes.fromhex("00155d010203")
SERVER, ADDRESS, ROUTER = IPv4Address("168.63.129.16"), IPv4Address("10.0.0.4"), IPv4Address("10.0.0.1")
START = Session(mac=MAC, transaction=7, host_name="vm1")
OFFER = DhcpMessage(
    reply=True,
    transaction=7,
    hardware_address=MAC,
    kind=dhcp.OFFER,
    address=ADDRESS,
    subnet_mask=IPv4Address("255.255.255.0"),
    routers=(ROUTER,),
    server=SERVER,
    lease_seconds=0xFFFFFFFF,
    wire_server=SERVER,
    routes=(Route(destination=IPv4Network("0.0.0.0/0"), gateway=ROUTER),),
)
ACK = replace(OFFER, kind=dhcp.ACK)
NAK = DhcpMessage(reply=True, transaction=7, hardware_address=MAC, kind=dhcp.NAK, server=SERVER)
PLAIN = replace(OFFER, wire_server=None, server=IPv4Address("192.0.2.1"), address=IPv4Address("192.0.2.77"))


def sent(packet: bytes | None) -> DhcpMessage:
    assert packet is not None
    return parse_dhcp_message(packet)


def heard(session: Session, message: DhcpMessage) -> tuple[Session, bytes | None]:
    return dhcp.received(session, render_dhcp_message(message))


def selecting(session: Session = START) -> Session:
    return dhcp.timed_out(session)[0]


def requesting() -> Session:
    return heard(selecting(), OFFER)[0]


def test_a_discover_names_the_host_and_asks_for_the_platforms_options() -> None:
    session, packet = dhcp.timed_out(START)
    message = sent(packet)
    assert session.state is State.SELECTING
    assert (message.kind, message.host_name, message.broadcast) == (dhcp.DISCOVER, "vm1", False)
    assert {245, 121, 249, 33, 3, 1, 6} <= set(message.requested_options)
    assert message.client_identifier is None


def test_the_second_attempt_asks_for_a_broadcast_answer() -> None:
    assert sent(dhcp.timed_out(replace(START, broadcast=True))[1]).broadcast


def test_an_offer_of_the_platform_is_asked_for_at_once() -> None:
    session, packet = heard(selecting(), OFFER)
    message = sent(packet)
    assert session.state is State.REQUESTING
    assert (message.kind, message.requested_address, message.server) == (dhcp.REQUEST, ADDRESS, SERVER)
    assert message.host_name == "vm1"


def test_an_acknowledgement_ends_the_session() -> None:
    session, packet = heard(requesting(), ACK)
    assert packet is None
    assert (session.state, session.answer, session.over) == (State.BOUND, ACK, True)


def test_an_offer_that_does_not_know_the_platform_waits_a_moment_for_one_that_does() -> None:
    session, packet = heard(selecting(), PLAIN)
    assert (session.state, packet) == (State.COLLECTING, None)
    better, packet = heard(session, OFFER)
    assert sent(packet).server == SERVER
    assert better.state is State.REQUESTING
    alone, packet = dhcp.timed_out(session)
    assert sent(packet).server == PLAIN.server
    assert alone.offer == PLAIN


def test_a_no_ends_the_session_with_its_reason() -> None:
    session, _ = heard(requesting(), NAK)
    assert session.over
    assert session.reasons == ("the server says no",)


def test_a_request_without_an_answer_is_sent_three_times() -> None:
    session, packets = requesting(), 1
    while not session.over:
        session, packet = dhcp.timed_out(session)
        packets += packet is not None
    assert packets == 3
    assert session.reasons == ("the server does not answer the request",)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (replace(OFFER, address=None), "no address"),
        (replace(OFFER, address=IPv4Address("127.0.0.1")), "cannot be ours"),
        (replace(OFFER, address=IPv4Address("224.0.0.5")), "cannot be ours"),
        (replace(OFFER, address=IPv4Address("255.255.255.255")), "cannot be ours"),
        (replace(OFFER, address=IPv4Address("169.254.7.7")), "cannot be ours"),
        (replace(OFFER, address=IPv4Address("10.0.0.255")), "not a machine's"),
        (replace(OFFER, address=IPv4Address("10.0.0.0")), "not a machine's"),
        (replace(OFFER, server=None), "which server"),
        (replace(OFFER, subnet_mask=IPv4Address("255.0.255.0")), "netmask"),
        (replace(OFFER, subnet_mask=IPv4Address("0.0.0.0")), "netmask"),
        (replace(OFFER, subnet_mask=IPv4Address("128.0.0.0")), "netmask"),
    ],
)
def test_an_offer_that_cannot_be_used_is_passed_over_with_its_reason(
    message: DhcpMessage, reason: str
) -> None:
    session, packet = heard(selecting(), message)
    assert (session.state, packet) == (State.SELECTING, None)
    assert reason in session.reasons[0]


@pytest.mark.parametrize(
    "message",
    [
        replace(OFFER, transaction=8),
        replace(OFFER, hardware_address=b"\2" + MAC[1:]),
        replace(OFFER, reply=False),
    ],
)
def test_what_is_for_somebody_else_is_not_even_told(message: DhcpMessage) -> None:
    assert heard(selecting(), message) == (selecting(), None)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (replace(ACK, server=IPv4Address("192.0.2.1")), "192.0.2.1 acknowledges"),
        (replace(ACK, address=IPv4Address("10.0.0.5")), "10.0.0.5 is acknowledged"),
        (replace(ACK, address=None), "no address"),
        (replace(NAK, server=IPv4Address("192.0.2.1")), "192.0.2.1 says no"),
        (replace(ACK, kind=None), "kind None"),
    ],
)
def test_an_answer_to_the_request_that_is_not_its_servers_is_passed_over(
    message: DhcpMessage, reason: str
) -> None:
    session, packet = heard(requesting(), message)
    assert (session.state, packet) == (State.REQUESTING, None)
    assert reason in session.reasons[0]


def test_repeated_answers_change_nothing() -> None:
    session = requesting()
    assert heard(session, OFFER) == (session, None)
    bound, _ = heard(session, ACK)
    assert heard(bound, ACK) == (bound, None)
    assert heard(bound, NAK) == (bound, None)


def test_a_renewal_names_the_host_and_asks_for_the_address_it_has() -> None:
    session = dhcp.renewal(mac=MAC, transaction=7, address=ADDRESS, host_name="new", seconds=2.0)
    session, packet = dhcp.timed_out(session)
    message = sent(packet)
    assert (message.kind, message.client_address, message.host_name) == (dhcp.REQUEST, ADDRESS, "new")
    assert (message.requested_address, message.server) == (None, None)
    assert heard(session, replace(ACK, address=IPv4Address("10.0.0.9")))[0].state is State.RENEWING
    assert heard(session, ACK)[0].state is State.BOUND
    assert heard(session, NAK)[0].state is State.OVER


def test_a_long_host_name_is_cut_to_what_dns_takes() -> None:
    assert sent(dhcp.timed_out(replace(START, host_name="x" * 300))[1]).host_name == "x" * 63


def test_every_state_that_waits_has_an_end() -> None:
    for state in State:
        if state not in {State.BOUND, State.OVER}:
            assert (state, Event.TIMEOUT) in TABLE
    for state in (State.REQUESTING, State.RENEWING):
        assert TABLE[state, Event.LAST_TIMEOUT] == (Move.GIVE_UP, State.OVER)


@given(st.lists(st.none() | st.sampled_from([OFFER, PLAIN, ACK, NAK]) | st.binary(max_size=320), max_size=40))
def test_whatever_comes_a_session_ends_within_a_few_timeouts(
    events: list[DhcpMessage | bytes | None],
) -> None:
    session = START
    for event in events:
        if event is None:
            session, _ = dhcp.timed_out(session)
        else:
            session, _ = dhcp.received(
                session, event if isinstance(event, bytes) else render_dhcp_message(event)
            )
        assert len(session.reasons) <= 8
        assert session.patience <= 1.0
    for _ in range(8):
        if not session.over:
            session, _ = dhcp.timed_out(session)
    assert session.over
    assert (session.state is State.BOUND) == (session.answer is not None)


@given(st.binary(max_size=64), st.integers(min_value=0, max_value=600))
def test_a_damaged_packet_is_never_a_crash(noise: bytes, at: int) -> None:
    packet = bytearray(render_dhcp_message(OFFER))
    packet[at : at + len(noise)] = noise
    dhcp.received(selecting(), bytes(packet))
