"""DHCP servers that lie: what boot does about each lie."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest
from tests.boot.networks import STRANGER, WIRE_SERVER, apply, leads_to_the_wire_server, machine, network

from limpet.boot.network import connect
from limpet.boot.search import connection_of
from limpet.guest.lease import SAVED_LEASE
from limpet.host.fake_links import ACK, NAK, OFFER, FakeDhcpServer
from limpet.model.errors import HostError
from limpet.wire.dhcp import render_dhcp_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from limpet.model.network import DhcpMessage


def only(kind: int, lie: Callable[[DhcpMessage], Iterable[bytes | DhcpMessage]]) -> Any:
    return lambda proper: lie(proper) if proper.kind == kind else (proper,)


def changed(**members: Any) -> Any:
    return lambda proper: (replace(proper, **members),)


def raw(change: Callable[[bytes], bytes]) -> Any:
    return lambda proper: (change(render_dhcp_message(proper)),)


def stranger(proper: DhcpMessage) -> DhcpMessage:
    return replace(
        proper,
        server=STRANGER,
        address=IPv4Address("192.0.2.77"),
        routers=(STRANGER,),
        routes=(),
        wire_server=None,
    )


SURVIVED: dict[str, Any] = {
    "the truth": lambda proper: (proper,),
    "each answer thrice": lambda proper: (proper,) * 3,
    "another's answer first": lambda proper: (replace(proper, transaction=proper.transaction ^ 1), proper),
    "an answer for another MAC first": lambda proper: (replace(proper, hardware_address=b"\2" * 6), proper),
    "noise first": lambda proper: (b"\xff" * 1400, bytes(300), b"", proper),
    "an offer without an address first": only(OFFER, lambda proper: (replace(proper, address=None), proper)),
    "an offer with a netmask that is none first": only(
        OFFER, lambda proper: (replace(proper, subnet_mask=IPv4Address("1.2.3.4")), proper)
    ),
    "a quicker stranger": lambda proper: (stranger(proper), proper),
    "a stranger acknowledges first": only(ACK, lambda proper: (replace(proper, server=STRANGER), proper)),
    "a stranger says no first": only(
        ACK, lambda proper: (replace(proper, kind=NAK, server=STRANGER), proper)
    ),
    "an acknowledgement of another address first": only(
        ACK, lambda proper: (replace(proper, address=IPv4Address("10.0.0.99")), proper)
    ),
    "option 245 says 0.0.0.0": changed(wire_server=IPv4Address(0)),
    "option 245 says loopback": changed(wire_server=IPv4Address("127.0.0.1")),
    "option 245 says multicast": changed(wire_server=IPv4Address("224.0.0.1")),
    "option 245 is missing": changed(wire_server=None),
    "no routes at all": changed(routes=(), routers=()),
    "no routes but a router": changed(routes=()),
    "1400 bytes of unknown options": raw(
        lambda packet: packet.rstrip(b"\0")[:-1] + (bytes([224, 250]) + bytes(250)) * 4 + b"\xff"
    ),
    "a mask of one address": changed(subnet_mask=IPv4Address("255.255.255.255")),
}

MISMATCHED = {
    "an address of another net": {"address": IPv4Address("192.0.2.77")},
    "a router of another net": {"router": IPv4Address("172.16.0.1")},
    "a mask of one address": {"mask": IPv4Address("255.255.255.255")},
    "a mask of two addresses": {"mask": IPv4Address("255.255.255.254")},
}


REFUSED: dict[str, tuple[Any, str]] = {
    "a cut answer": (raw(lambda packet: packet[:250]), "without an end"),
    "an option over the end": (
        raw(lambda packet: packet.rstrip(b"\0")[:-1] + b"\xe0\xc8\1"),
        "runs over the end",
    ),
    "no end": (raw(lambda packet: packet.rstrip(b"\0")[:-1]), "without an end"),
    "option 245 of three bytes": (
        raw(lambda packet: packet.rstrip(b"\0")[:-1] + b"\xf5\3\1\2\3\xff"),
        "option 245",
    ),
    "always no": (lambda proper: (replace(proper, kind=NAK),), "no offer came"),
    "no to every request": (only(ACK, changed(kind=NAK)), "says no"),
    "silence after the offer": (only(ACK, lambda _: ()), "does not answer the request"),
    "silence": (lambda _: (), "no offer came"),
    "an address that is loopback": (changed(address=IPv4Address("127.0.0.1")), "127.0.0.1 cannot be ours"),
    "half the world as neighbours": (changed(subnet_mask=IPv4Address("128.0.0.0")), "128.0.0.0"),
    "no server": (changed(server=None), "option 54"),
    "an address that its server then denies": (changed(address=IPv4Address("192.0.2.77")), "says no"),
    "only another's answers": (changed(transaction=1), "no offer came"),
}


@pytest.mark.parametrize("lie", SURVIVED.values(), ids=SURVIVED)
def test_a_lease_comes_of_it_and_the_wire_server_is_reached(lie: Any) -> None:
    made, server = machine(), FakeDhcpServer()
    server.lie = lie
    made.links.add("eth0", server=server)
    found = connect(network(made))
    apply(made, found)
    assert found.endpoint == WIRE_SERVER
    assert leads_to_the_wire_server(made)
    assert not any(task.steps for task in connection_of(network(made), found.lease).tasks if found.lease)  # type: ignore[arg-type]


@pytest.mark.parametrize("members", MISMATCHED.values(), ids=MISMATCHED)
def test_a_gateway_that_is_no_neighbour_is_reached_directly(members: Any) -> None:
    made = machine()
    made.links.add("eth0", server=FakeDhcpServer(**members))
    apply(made, connect(network(made)))
    assert leads_to_the_wire_server(made)


@pytest.mark.parametrize(("lie", "reason"), REFUSED.values(), ids=REFUSED)
def test_no_lease_comes_of_it_and_the_reason_is_told(lie: Any, reason: str) -> None:
    made, server = machine(), FakeDhcpServer()
    server.lie = lie
    made.links.add("eth0", server=server)
    before = made.clock.monotonic()
    with pytest.raises(HostError, match="no DHCP lease within") as refused:
        connect(network(made, patience=60.0))
    assert reason in str(refused.value)
    assert 60.0 <= made.clock.monotonic() - before <= 100.0
    assert len(server.requests) <= 60
    assert made.files.info(SAVED_LEASE) is None
    assert made.links.brought == [("eth0", True), ("eth0", False)]  # as it was


@pytest.mark.parametrize("lie", REFUSED.values(), ids=REFUSED)
def test_when_the_lies_end_boot_goes_on(lie: Any) -> None:
    made, server = machine(), FakeDhcpServer()
    server.lie = lie[0]
    made.links.add("eth0", server=server)
    made.clock.after(45.0, lambda: setattr(server, "lie", lambda proper: (proper,)))
    before = made.clock.monotonic()
    assert connect(network(made)).endpoint == WIRE_SERVER
    assert 45.0 <= made.clock.monotonic() - before <= 90.0
