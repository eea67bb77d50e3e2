"""DHCP goes on in the network OS: a lease for one NIC, asked for by a worker that changes nothing."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from limpet.appliance.phases.continuing import renewed_after
from limpet.appliance.workers.dhcp import lease_for, main
from limpet.host.fake import FakeMachine
from limpet.host.fake_links import ACK, DISCOVER, NAK, REQUEST, FakeDhcpServer
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from limpet.guest.lease import AcquiredLease
    from limpet.model.network import DhcpMessage

MAC = "000d3a000010"


def asked(
    server: FakeDhcpServer, machine: FakeMachine, *, address: str | None = None, timeout: float = 30.0
) -> AcquiredLease:
    machine.links.add("eth0", MAC, server=server, up=True)
    return lease_for(
        bytes.fromhex(MAC),
        "eth0",
        links=machine.links,
        clock=machine.clock,
        chance=machine.chance,
        timeout=timeout,
        address=None if address is None else IPv4Address(address),
        host_name="router",
    )


def test_a_lease_is_taken_and_nothing_is_changed_or_left_open() -> None:
    machine, server = FakeMachine(), FakeDhcpServer()
    changes = machine.battery.spent
    lease = asked(server, machine)
    assert (lease.address, lease.mac, lease.interface) == (IPv4Address("10.0.0.4"), MAC, "eth0")
    assert [each.kind for each in server.requests] == [DISCOVER, REQUEST]
    assert server.names == ["router"]
    assert machine.links.open == 0
    assert not machine.links.brought
    assert machine.battery.spent - changes <= 8, "those of the fake's own NIC"


def test_the_address_that_a_nic_has_is_only_renewed() -> None:
    machine, server = FakeMachine(), FakeDhcpServer()
    lease = asked(server, machine, address="10.0.0.4")
    assert lease.address == IPv4Address("10.0.0.4")
    assert [each.kind for each in server.requests] == [REQUEST]
    assert server.requests[0].client_address == IPv4Address("10.0.0.4")


def test_an_address_that_is_no_longer_ours_is_given_up_for_another() -> None:
    machine, server = FakeMachine(), FakeDhcpServer()
    lease = asked(server, machine, address="10.0.0.99")
    assert lease.address == IPv4Address("10.0.0.4")
    assert [each.kind for each in server.requests] == [REQUEST, DISCOVER, REQUEST]


def test_a_silent_server_is_a_reason_within_the_time_limit() -> None:
    machine = FakeMachine()
    began = machine.clock.monotonic()
    with pytest.raises(HostError, match="no DHCP lease on eth0 within 12 s: no offer came"):
        asked(FakeDhcpServer(quiet=True), machine, timeout=12.0)
    assert machine.clock.monotonic() - began <= 24.0
    assert machine.links.open == 0


def test_a_server_that_always_says_no_is_not_asked_without_a_pause() -> None:
    def no(proper: DhcpMessage) -> Iterable[DhcpMessage]:
        return (replace(proper, kind=NAK) if proper.kind == ACK else proper,)

    machine, server = FakeMachine(), FakeDhcpServer(lie=no)
    with pytest.raises(HostError, match="the server says no"):
        asked(server, machine, timeout=30.0)
    assert len(server.requests) < 40


@pytest.mark.parametrize(
    "arguments", [[], ["no-mac"], ["00:0d:3a:00:00:10", "--timeout"], ["00:0d:3a:00:00:10", "--what", "1"]]
)
def test_a_command_line_that_cannot_be_used_says_how_it_is(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "usage: limpet.appliance.workers.dhcp MAC" in capsys.readouterr().err


def test_a_nic_that_is_not_in_this_namespace_is_said_to_be_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["02:ee:ee:ee:ee:ee", "--timeout", "1"]) == 1
    assert "no NIC with the MAC 02:ee:ee:ee:ee:ee" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "expected"), [(None, 300.0), (86400, 300.0), (60, 30.0), (10, 5.0), (1, 5.0), (0, 5.0)]
)
def test_a_lease_is_asked_for_again_in_time_and_never_all_the_time(
    seconds: int | None, expected: float
) -> None:
    lease = replace(asked(FakeDhcpServer(), FakeMachine()), seconds=seconds)
    assert renewed_after(lease, 300.0) == expected
