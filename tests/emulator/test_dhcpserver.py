"""The DHCP server on its socket, over loopback: the port is free, the interface is lo."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest
from tests.emulator.fabrics import fabric

from limpet.emulator.dhcp.kinds import Kind
from limpet.emulator.dhcp.server import DhcpServer
from limpet.emulator.exchange import Service
from limpet.emulator.faults import Fault, Rule, with_rule
from limpet.emulator.server import FabricServer
from limpet.model.network import DhcpMessage
from limpet.wire.dhcp import parse_dhcp_message, render_dhcp_message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from limpet.emulator.fabric import Fabric
    from limpet.emulator.world.ledger import Entry

ADDRESS = "127.0.0.1"
MAC = bytes.fromhex("000D3A000001")


def renewal(**members: Any) -> bytes:
    """A client that has its address already: it is answered there."""
    proper = DhcpMessage(
        reply=False,
        transaction=5,
        hardware_address=MAC,
        kind=Kind.REQUEST.value,
        client_address=IPv4Address(ADDRESS),
        host_name="box",
    )
    return render_dhcp_message(replace(proper, **members))


def run(scene: Callable[[Fabric, DhcpServer, socket.socket], Awaitable[None]]) -> None:
    async def whole() -> None:
        owner = fabric(auto=False)
        await owner.add_vm("vm1", ADDRESS)
        server = DhcpServer(owner, "lo", port=0)
        together = FabricServer(owner, [], server)
        await together.start()
        try:
            assert together.addresses(Service.DHCP) == [("lo", server.port)]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.setblocking(False)
                client.bind((ADDRESS, 0))
                await scene(owner, server, client)
        finally:
            await together.close()
        assert not server.is_open

    asyncio.run(whole())


async def send(server: DhcpServer, client: socket.socket, packet: bytes) -> None:
    await asyncio.get_running_loop().sock_sendto(client, packet, (ADDRESS, server.port))


async def heard(client: socket.socket) -> DhcpMessage:
    async with asyncio.timeout(120):
        return parse_dhcp_message(await asyncio.get_running_loop().sock_recv(client, 4096))


async def recorded(owner: Fabric, vm: str | None, count: int = 1) -> list[Entry]:
    def look(world: Any) -> list[Entry] | None:
        found = list(world.ledger.entries(vm))
        return found if len(found) >= count else None

    found = await owner.until(look, 60)
    assert found is not None
    return found


def test_a_renewal_is_answered_and_recorded_and_its_name_registered() -> None:
    async def scene(owner: Fabric, server: DhcpServer, client: socket.socket) -> None:
        await send(server, client, renewal())
        answer = await heard(client)
        assert (answer.kind, answer.transaction, answer.address) == (Kind.ACK.value, 5, IPv4Address(ADDRESS))
        (entry,) = await recorded(owner, "vm1")
        assert (entry.service, entry.endpoint, entry.method, entry.status) == (
            Service.DHCP, "dhcp-renew", "REQUEST", Kind.ACK.value,
        )  # fmt: skip
        assert entry.target == "/00:0d:3a:00:00:01"
        assert ("host-name", "box") in entry.headers
        known = owner.world.vm("vm1").registered_name
        assert known is not None
        assert known.value == "box"

    run(scene)


def test_a_rule_keeps_it_silent_and_the_next_request_is_answered() -> None:
    async def scene(owner: Fabric, server: DhcpServer, client: socket.socket) -> None:
        rule = Rule(endpoint="dhcp-*", fault=Fault(refused=True), count=1)
        owner.update(lambda world: replace(world, faults=with_rule(world.faults, rule)))
        await send(server, client, renewal())
        (entry,) = await recorded(owner, "vm1")
        assert (entry.status, entry.fault) == (None, "refused")
        await send(server, client, renewal(transaction=6))
        assert (await heard(client)).transaction == 6

    run(scene)


def test_a_rule_delays_answers() -> None:
    async def scene(owner: Fabric, server: DhcpServer, client: socket.socket) -> None:
        rule = Rule(endpoint="dhcp-renew", fault=Fault(delay=0.02))
        owner.update(lambda world: replace(world, faults=with_rule(world.faults, rule)))
        await send(server, client, renewal())
        assert (await heard(client)).kind == Kind.ACK.value
        (entry,) = await recorded(owner, "vm1")
        assert entry.seconds >= 0.02
        assert entry.fault == "delay 0.02 s"

    run(scene)


def test_a_rule_repeats_answers() -> None:
    async def scene(owner: Fabric, server: DhcpServer, client: socket.socket) -> None:
        rule = Rule(endpoint="dhcp-renew", fault=Fault(lie="repeat", times=3))
        owner.update(lambda world: replace(world, faults=with_rule(world.faults, rule)))
        await send(server, client, renewal())
        assert len({(await heard(client)).transaction for _ in range(3)}) == 1

    run(scene)


@pytest.mark.parametrize("packet", [b"", b"\0" * 300, renewal()[:241]])
def test_what_is_no_dhcp_is_recorded_and_not_answered(packet: bytes) -> None:
    async def scene(owner: Fabric, server: DhcpServer, client: socket.socket) -> None:
        await send(server, client, packet)
        found = await owner.until(
            lambda world: [each for vm in (None, "vm1") for each in world.ledger.entries(vm)] or None, 60
        )
        assert found is not None
        assert (found[0].endpoint, found[0].status, len(found[0].remarks)) == ("unknown", None, 1)
        await send(server, client, renewal(transaction=9))
        assert (await heard(client)).transaction == 9

    run(scene)


def test_a_mac_of_no_vm_is_a_strangers() -> None:
    async def scene(owner: Fabric, server: DhcpServer, client: socket.socket) -> None:
        message = DhcpMessage(
            reply=False, transaction=1, hardware_address=b"\2\0\0\0\0\1", kind=Kind.DISCOVER.value
        )
        await send(server, client, render_dhcp_message(message))
        (entry,) = await recorded(owner, None)
        assert (entry.endpoint, entry.status) == ("dhcp-discover", None)

    run(scene)


def test_it_can_be_closed_and_opened_like_any_service() -> None:
    async def scene(owner: Fabric, server: DhcpServer, client: socket.socket) -> None:
        together = FabricServer(owner, [], server)
        await together.set_open(Service.DHCP, wanted=False)
        assert not together.is_open(Service.DHCP)
        await together.set_open(Service.DHCP, wanted=True)
        await send(server, client, renewal())
        assert (await heard(client)).kind == Kind.ACK.value

    run(scene)


def test_an_interface_that_is_not_there_is_told() -> None:
    async def scene() -> None:
        server = DhcpServer(fabric(), "nothing0", port=0)
        with pytest.raises(OSError, match="cannot listen on nothing0 for dhcp"):
            server.open()
        assert not server.is_open

    asyncio.run(scene())
