"""The way to the platform: what is there is used, what is not is asked for, and lies are survived."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.plans.cases import interpreter

from limpet.boot.network import Connection, Network, connect
from limpet.boot.search import connection_of
from limpet.guest.lease import SAVED_LEASE, parse_lease
from limpet.guest.routes import parse_local_addresses, parse_route_table, way_to
from limpet.host.dhcp_client import publish_host_name
from limpet.host.facts.leases import saved_wire_server
from limpet.host.fake import FakeMachine
from limpet.host.fake_links import ACK, NAK, OFFER, FakeDhcpServer
from limpet.host.fake_programs import install
from limpet.model.errors import HostError
from limpet.wire.dhcp import render_dhcp_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from limpet.model.network import DhcpMessage

MAC = "00155d010203"
WIRE_SERVER = "168.63.129.16"
ROUTES, TRIE = Path("/proc/net/route"), Path("/proc/net/fib_trie")
HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
STRANGER = IPv4Address("192.0.2.1")


def machine() -> FakeMachine:
    made = FakeMachine()
    install(made.commands, "network")
    made.files.make_folder(Path("/etc"))
    return made


def network(made: FakeMachine, **policy: Any) -> Network:
    return Network(
        files=made.files,
        links=made.links,
        clock=made.clock,
        chance=made.chance,
        log=made.log,
        **{"host_name": "vm-new", "patience": 600.0, **policy},
    )


def apply(made: FakeMachine, found: Connection) -> None:
    outcomes = interpreter(made).apply(found.tasks)
    assert not [outcome.describe() for outcome in outcomes if outcome.failed]


def text(made: FakeMachine, path: Path) -> str:
    return made.files.read(path, at_most=1 << 20).decode()


def leads_to_the_wire_server(made: FakeMachine) -> bool:
    return way_to(IPv4Address(WIRE_SERVER), parse_route_table(text(made, ROUTES))) is not None


def test_the_only_nic_gets_address_routes_and_name_servers_and_its_lease_is_kept() -> None:
    made, server = machine(), FakeDhcpServer()
    made.links.add("eth0", server=server)
    found = connect(network(made))
    apply(made, found)
    assert (found.endpoint, found.origin, found.notes) == (WIRE_SERVER, "DHCP on eth0", ())
    assert IPv4Address("10.0.0.4") in parse_local_addresses(text(made, TRIE))
    assert {str(each.destination) for each in parse_route_table(text(made, ROUTES))} == {
        "0.0.0.0/0", "10.0.0.0/24", "168.63.129.16/32", "169.254.169.254/32",
    }  # fmt: skip
    assert text(made, Path("/etc/resolv.conf")) == "search internal.cloudapp.net\nnameserver 168.63.129.16\n"
    assert parse_lease(made.files.read(SAVED_LEASE, at_most=10000)) == found.lease
    assert saved_wire_server(made.files) == WIRE_SERVER


def test_one_process_is_enough_and_nothing_is_left_open() -> None:
    made = machine()
    made.links.add("eth0", server=FakeDhcpServer())
    apply(made, connect(network(made)))
    assert len(made.commands.ran) == 1
    assert made.links.open == 0


def test_the_first_exchange_tells_the_platform_the_new_host_name() -> None:
    made, server = machine(), FakeDhcpServer()
    made.links.add("eth0", server=server)
    connect(network(made, host_name="vm-new"))
    assert server.names == ["vm-new"]


def test_a_network_that_is_there_is_used_and_not_touched() -> None:
    made = machine()
    made.links.add("eth0", up=True)
    made.files.make_folder(ROUTES.parent)
    made.files.replace(
        ROUTES, f"{HEAD}eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n".encode()
    )
    before = dict(made.files.nodes)
    found = connect(network(made))
    assert (found.endpoint, found.interface, found.lease, found.tasks) == (WIRE_SERVER, "eth0", None, ())
    assert made.files.nodes == before
    assert (made.links.brought, made.commands.ran) == ([], [])


def test_a_lease_file_tells_the_wire_server_of_a_network_that_is_there() -> None:
    made = machine()
    for path, content in (
        (ROUTES, f"{HEAD}eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"),
        (Path("/run/systemd/netif/leases/2"), "OPTION_245=c0000209\n"),
    ):
        made.files.make_folder(path.parent)
        made.files.replace(path, content.encode())
    assert connect(network(made)).endpoint == "192.0.2.9"
    assert connect(network(made, use_leases=False)).endpoint == WIRE_SERVER
    assert connect(network(made, endpoint="10.0.0.9")).endpoint == "10.0.0.9"


@pytest.mark.parametrize(("address", "endpoint"), [("10.0.0.4", "192.0.2.9"), ("10.0.0.5", WIRE_SERVER)])
def test_a_saved_lease_counts_only_while_its_address_is_ours(address: str, endpoint: str) -> None:
    made = machine()
    made.links.add("eth0", server=FakeDhcpServer(wire_server=IPv4Address("192.0.2.9")))
    apply(made, connect(network(made)))
    made.files.replace(TRIE, f"        |-- {address}\n           /32 host LOCAL\n".encode())
    assert connect(network(made)).endpoint == endpoint


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 1}'])
def test_a_damaged_lease_of_ours_is_none(content: bytes) -> None:
    made = machine()
    made.links.add("eth0", server=FakeDhcpServer())
    apply(made, connect(network(made)))
    made.files.replace(SAVED_LEASE, content)
    assert connect(network(made)).origin == "the well-known address"


def test_a_route_to_somewhere_else_is_no_way() -> None:
    made = machine()
    made.links.add("eth0", server=FakeDhcpServer())
    made.files.make_folder(ROUTES.parent)
    lines = "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\nlo\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n"
    made.files.replace(ROUTES, (HEAD + lines).encode())
    assert connect(network(made)).lease is not None


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


def test_no_dhcp_for_a_minute_is_waited_out() -> None:
    made, server = machine(), FakeDhcpServer(quiet=True)
    made.links.add("eth0", server=server)
    made.clock.after(60.0, lambda: setattr(server, "quiet", False))
    before = made.clock.monotonic()
    assert connect(network(made)).lease is not None
    assert 60.0 <= made.clock.monotonic() - before <= 75.0
    assert [request.broadcast for request in server.requests][:2] == [False, True]
    assert made.log.of("network.no_lease")


@pytest.mark.parametrize("delay", [0.3, 1.0, 3.0])
def test_a_slow_server_gets_the_time_it_needs(delay: float) -> None:
    made, server = machine(), FakeDhcpServer(delay=delay)
    made.links.add("eth0", server=server)
    before = made.clock.monotonic()
    assert connect(network(made)).lease is not None
    assert made.clock.monotonic() - before <= 8 * delay + 1.0
    assert len({request.transaction for request in server.requests}) == 1


def test_the_nic_that_leads_to_the_platform_is_found_among_several() -> None:
    made = machine()
    plain = FakeDhcpServer(
        address=IPv4Address("10.1.0.4"), router=IPv4Address("10.1.0.1"), routes=(), wire_server=None
    )
    made.links.add("eth0", "00155d000001", server=plain)
    made.links.add("eth1", "00155d000002", server=FakeDhcpServer(quiet=True))
    made.links.add("eth2", "00155d000003", server=FakeDhcpServer())
    found = connect(network(made))
    assert found.interface == "eth2"
    assert {name for name, up in made.links.brought if not up} == {"eth0", "eth1"}


def test_a_lease_that_does_not_know_the_platform_will_do_when_no_other_comes() -> None:
    made = machine()
    made.links.add("eth0", server=FakeDhcpServer(routes=("0.0.0.0/0",), wire_server=None))
    found = connect(network(made))
    assert found.endpoint == WIRE_SERVER
    assert found.origin == "the well-known address"
    assert "does not know the platform" in found.notes[0]


def test_a_nic_that_comes_late_is_waited_for() -> None:
    made = machine()
    made.clock.after(20.0, lambda: made.links.add("eth0", server=FakeDhcpServer()))
    assert connect(network(made)).interface == "eth0"


def test_a_better_nic_that_comes_late_is_waited_for() -> None:
    made = machine()
    made.links.add("eth0", "00155d000001", server=FakeDhcpServer(routes=(), wire_server=None))
    made.clock.after(5.0, lambda: made.links.add("eth1", "00155d000002", server=FakeDhcpServer()))
    assert connect(network(made)).interface == "eth1"


def test_a_machine_without_a_nic_says_so() -> None:
    with pytest.raises(HostError, match="no NIC"):
        connect(network(machine(), patience=5.0))


def test_a_nic_that_cannot_be_used_does_not_stop_another() -> None:
    made = machine()
    made.links.add("eth0", "00155d000001", server=FakeDhcpServer())
    made.links.broken["eth0"] = "Operation not permitted"
    made.links.add("eth1", "00155d000002", server=FakeDhcpServer())
    assert connect(network(made)).interface == "eth1"


def test_a_link_without_a_carrier_is_passed_over_until_it_has_one() -> None:
    made = machine()
    made.links.add("eth0", server=FakeDhcpServer(), connected=False)

    def plug() -> None:
        made.links.connected["eth0"] = True
        made.links.set_up("eth0", True)

    made.clock.after(15.0, plug)
    assert connect(network(made)).interface == "eth0"


def test_a_virtual_function_is_never_touched() -> None:
    made = machine()
    made.links.add("eth1", MAC, driver="mlx5_core", server=FakeDhcpServer())
    made.links.add("eth0", MAC, server=FakeDhcpServer())
    made.links.add("enP1s1", "00155d0a0b0c", driver="mana", server=FakeDhcpServer())
    assert connect(network(made)).interface == "eth0"
    assert {name for name, _ in made.links.brought} == {"eth0"}


def test_a_configured_wire_server_gets_its_route() -> None:
    made = machine()
    made.links.add("eth0", server=FakeDhcpServer())
    found = connect(network(made, endpoint="192.0.2.9"))
    apply(made, found)
    assert found.endpoint == "192.0.2.9"
    way = way_to(IPv4Address("192.0.2.9"), parse_route_table(text(made, ROUTES)))
    assert way is not None
    assert way.destination.prefixlen == 32


def test_a_changed_host_name_is_published_and_nothing_changes_here() -> None:
    made, server = machine(), FakeDhcpServer()
    made.links.add("eth0", server=server, up=True)
    before = dict(made.files.nodes)
    ports = made.links, made.clock, made.chance
    where = {"interface": "eth0", "mac": bytes.fromhex(MAC), "address": IPv4Address("10.0.0.4")}
    publish_host_name(*ports, **where, host_name="renamed")  # type: ignore[arg-type]
    assert server.names == ["renamed"]
    assert made.files.nodes == before
    server.quiet = True
    with pytest.raises(HostError, match="does not answer"):
        publish_host_name(*ports, **where, host_name="again")  # type: ignore[arg-type]
    server.quiet = False
    with pytest.raises(HostError, match="says no"):
        publish_host_name(*ports, **{**where, "address": IPv4Address("10.0.0.5")}, host_name="x")  # type: ignore[arg-type]
    assert made.links.open == 0


@pytest.mark.parametrize("owner", ["/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf"])
def test_name_servers_of_somebody_else_are_left_alone(owner: str) -> None:
    made = machine()
    made.files.make_folder(Path(owner))
    made.links.add("eth0", server=FakeDhcpServer())
    apply(made, connect(network(made)))
    assert made.files.info(Path("/etc/resolv.conf")) is None


def test_a_resolver_that_is_configured_stays() -> None:
    made = machine()
    made.files.replace(Path("/etc/resolv.conf"), b"nameserver 9.9.9.9\n")
    made.links.add("eth0", server=FakeDhcpServer())
    apply(made, connect(network(made)))
    assert text(made, Path("/etc/resolv.conf")) == "nameserver 9.9.9.9\n"
