"""The way to the platform: what is there is used, what is not is asked for, and lies are survived."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest
from tests.boot.networks import HEAD, MAC, ROUTES, TRIE, WIRE_SERVER, apply, machine, network, text

from limpet.boot.network import connect
from limpet.guest.lease import SAVED_LEASE, parse_lease
from limpet.guest.routes import parse_local_addresses, parse_route_table, way_to
from limpet.host.dhcp_client import publish_host_name
from limpet.host.facts.leases import saved_leases, saved_wire_server
from limpet.host.fake_links import FakeDhcpServer
from limpet.model.errors import HostError


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


def test_the_leases_of_nics_that_were_asked_first_are_kept_beside_the_chosen_one() -> None:
    made = machine()
    for number in (0, 1):
        server = FakeDhcpServer(
            address=IPv4Address(f"10.{number + 1}.0.4"),
            router=IPv4Address(f"10.{number + 1}.0.1"),
            routes=(),
            wire_server=None,
        )
        made.links.add(f"eth{number}", f"00155d00000{number}", server=server)
    made.links.add("eth2", "00155d000002", server=FakeDhcpServer())
    found = connect(network(made))
    apply(made, found)
    assert [(each.interface, str(each.address)) for each in saved_leases(made.files)] == [
        ("eth2", "10.0.0.4"), ("eth0", "10.1.0.4"), ("eth1", "10.2.0.4"),
    ]  # fmt: skip
    # They are only kept: this machine has the chosen one's address and no other.
    assert (
        parse_local_addresses(text(made, TRIE)) & {IPv4Address("10.1.0.4"), IPv4Address("10.2.0.4")} == set()
    )


def test_a_lease_that_will_do_is_not_kept_twice() -> None:
    made = machine()
    made.links.add("eth0", server=FakeDhcpServer(routes=("0.0.0.0/0",), wire_server=None))
    apply(made, connect(network(made)))
    assert [each.interface for each in saved_leases(made.files)] == ["eth0"]


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


@pytest.mark.parametrize(
    ("content", "stays"),
    [
        ("nameserver 9.9.9.9\n", True),
        ("# mine\noptions edns0\n", True),
        ("", False),
        ("\n \t\n", False),
        ("# Generated by a service that is gone\n; x\n  # y\n", False),
    ],
)
def test_a_resolver_that_is_configured_stays(content: str, stays: bool) -> None:
    made = machine()
    made.files.replace(Path("/etc/resolv.conf"), content.encode())
    made.links.add("eth0", server=FakeDhcpServer())
    apply(made, connect(network(made)))
    assert (text(made, Path("/etc/resolv.conf")) == content) is stays
    assert ("nameserver 168.63.129.16" in text(made, Path("/etc/resolv.conf"))) is not stays
