from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.emulator.fabrics import HOST, Running, on_a_fabric, running

from limpet.emulator.connection import LARGEST_BODY, Room
from limpet.emulator.exchange import Service
from limpet.emulator.faults import Fault, Rule
from limpet.emulator.server import FabricServer, Listen
from limpet.emulator.world.ledger import HEADERS_COPY

if TYPE_CHECKING:
    from limpet.emulator.world.ledger import Entry

GOAL_STATE = "/machine/?comp=goalstate"
WIRE = Service.WIRE_SERVER


async def entries(fabric: Running, count: int) -> list[Entry]:
    """The first `count` requests of the VM, once they are recorded."""

    def recorded(world: Any) -> list[Entry] | None:
        found = [entry for ring in world.ledger.rings.values() for entry in ring]
        return found if len(found) >= count else None

    found = await fabric.fabric.until(recorded, 60)
    assert found is not None
    return found


def fault(fabric: Running, **members: Any) -> None:
    rule = Rule(id=1, endpoint="goal-state", fault=Fault(**members))
    fabric.fabric.update(lambda world: replace(world, faults=(rule,)))


def test_an_unknown_address_becomes_a_vm_at_its_first_request() -> None:
    async def talk(fabric: Running) -> None:
        status, body = await fabric.get(WIRE, GOAL_STATE)
        vm = fabric.fabric.world.at(HOST)
        assert status == 200
        assert vm is not None
        assert vm.identity.container_id.encode() in body
        (entry,) = await entries(fabric, 1)
        assert (entry.vm, entry.endpoint, entry.status) == (vm.name, "goal-state", 200)

    on_a_fabric(talk)


def test_without_auto_an_unknown_address_is_a_stranger() -> None:
    async def talk(fabric: Running) -> None:
        assert (await fabric.get(WIRE, GOAL_STATE))[0] == 404
        (entry,) = await entries(fabric, 1)
        assert entry.vm is None

    on_a_fabric(talk, auto=False)


def test_many_first_requests_at_once_make_one_vm() -> None:
    async def talk(fabric: Running) -> None:
        answers = await asyncio.gather(*(fabric.get(WIRE, GOAL_STATE) for _ in range(20)))
        assert {status for status, _ in answers} == {200}
        assert len(fabric.fabric.world.vms) == 1

    on_a_fabric(talk)


def test_a_connection_serves_several_requests_until_the_client_asks_to_close() -> None:
    async def talk(fabric: Running) -> None:
        one = f"GET {GOAL_STATE} HTTP/1.1\r\nHost: f\r\n\r\n"
        last = f"GET {GOAL_STATE} HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n"
        everything = await fabric.raw(WIRE, (one + one + last).encode())
        assert everything.count(b"HTTP/1.1 200 OK") == 3
        assert len(await entries(fabric, 3)) == 3

    on_a_fabric(talk)


def test_headers_are_kept_in_order_and_in_the_clients_spelling() -> None:
    async def talk(fabric: Running) -> None:
        request = (
            f"GET {GOAL_STATE} HTTP/1.1\r\nHost: f\r\nx-MS-Version: 2012-11-30\r\nB: 2\r\na: 1\r\n"
            "Connection: close\r\n\r\n"
        )
        await fabric.raw(WIRE, request.encode())
        (entry,) = await entries(fabric, 1)
        assert [name for name, _ in entry.headers] == ["Host", "x-MS-Version", "B", "a", "Connection"]

    on_a_fabric(talk)


def test_an_answer_says_its_length_and_a_304_has_no_body() -> None:
    async def talk(fabric: Running) -> None:
        await fabric.get(WIRE, GOAL_STATE)
        vm = fabric.fabric.world.at(HOST)
        assert vm is not None
        request = (
            "GET /vmSettings HTTP/1.1\r\nHost: f\r\nConnection: close\r\n"
            f"x-ms-containerid: {vm.identity.container_id}\r\nif-none-match: {vm.etag}\r\n\r\n"
        )
        whole = await fabric.raw(Service.HOST_PLUGIN, request.encode())
        assert whole.startswith(b"HTTP/1.1 304")
        assert whole.endswith(b"\r\n\r\n")
        wire = await fabric.raw(WIRE, b"GET /?comp=versions HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n")
        head, _, body = wire.partition(b"\r\n\r\n")
        assert f"content-length: {len(body)}".encode() in head.lower()

    on_a_fabric(talk)


def test_a_head_request_gets_the_length_and_no_body() -> None:
    async def talk(fabric: Running) -> None:
        whole = await fabric.raw(
            Service.STORAGE, b"HEAD /no/blob HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n"
        )
        assert whole.startswith(b"HTTP/1.1 404")
        assert whole.endswith(b"\r\n\r\n")

    on_a_fabric(talk)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
        b"\r\n\r\n\r\nHELLO\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_and_recorded(rubbish: bytes) -> None:
    async def talk(fabric: Running) -> None:
        answer = await fabric.raw(WIRE, rubbish)
        assert answer.startswith(b"HTTP/1.1 400")
        (entry,) = await entries(fabric, 1)
        assert entry.endpoint == "unknown"

    on_a_fabric(talk)


@pytest.mark.parametrize(
    "target", ["http://[", "http://[::1/machine", "*", "a:b", "//[x", "/%00%ff", "/?[=]"]
)
def test_a_target_that_names_nothing_is_answered_whatever_it_is(target: str) -> None:
    async def talk(fabric: Running) -> None:
        assert (await fabric.get(WIRE, target))[0] == 404
        (entry,) = await entries(fabric, 1)
        assert (entry.target, entry.status) == (target, 404)

    on_a_fabric(talk)


def test_a_target_may_be_a_whole_url() -> None:
    async def talk(fabric: Running) -> None:
        for target in (f"http://fabric{GOAL_STATE}", f"http://[::1]:80{GOAL_STATE}#there"):
            assert (await fabric.get(WIRE, target))[0] == 200

    on_a_fabric(talk)


def test_of_a_flood_of_headers_the_first_are_recorded() -> None:
    async def talk(fabric: Running) -> None:
        flood = "".join(f"h{number}: x\r\n" for number in range(4000))
        request = f"GET {GOAL_STATE} HTTP/1.1\r\nHost: f\r\nConnection: close\r\n{flood}\r\n"
        assert (await fabric.raw(WIRE, request.encode())).startswith(b"HTTP/1.1 200")
        (entry,) = await entries(fabric, 1)
        assert entry.headers[0] == ("Host", "f")
        assert sum(len(name) + len(value) for name, value in entry.headers) < HEADERS_COPY

    on_a_fabric(talk)


def test_bodies_that_are_too_much_together_are_refused_until_others_are_done() -> None:
    async def talk(fabric: Running) -> None:
        server = FabricServer(fabric.fabric, [Listen(service=WIRE, host=HOST, port=0)], room=Room(1000))
        await server.start()
        narrow = Running(fabric.fabric, server)
        head = b"POST /HealthService HTTP/1.1\r\nHost: f\r\nConnection: close\r\nContent-Length: 600\r\n\r\n"
        try:
            _, holder = await asyncio.open_connection(HOST, narrow.port(WIRE))
            holder.write(head + b"x" * 599)
            while True:
                answer = await narrow.raw(WIRE, head + b"x" * 600)
                if answer.startswith(b"HTTP/1.1 503"):
                    break
            holder.transport.abort()
            while not answer.startswith(b"HTTP/1.1 400"):
                answer = await narrow.raw(WIRE, head + b"x" * 600)
        finally:
            await server.close()

    on_a_fabric(talk)


def test_a_request_that_ends_in_the_middle_is_recorded_without_an_answer() -> None:
    async def talk(fabric: Running) -> None:
        request = b"PUT /status HTTP/1.1\r\nHost: f\r\nContent-Length: 100\r\n\r\nabc"
        await fabric.raw(Service.HOST_PLUGIN, request, half_close=True)
        (entry,) = await entries(fabric, 1)
        assert entry.endpoint == "unknown"

    on_a_fabric(talk)


@pytest.mark.parametrize("length", [str(LARGEST_BODY + 1), "999999999", "9" * 20])
def test_a_body_beyond_all_bounds_is_refused_before_it_is_read(length: str) -> None:
    async def talk(fabric: Running) -> None:
        head = f"PUT /vmAgentLog HTTP/1.1\r\nHost: f\r\nContent-Length: {length}\r\n\r\n"
        assert (await fabric.raw(Service.HOST_PLUGIN, head.encode())).startswith(b"HTTP/1.1 413")

    on_a_fabric(talk)


def test_a_status_fault_replaces_the_answer() -> None:
    async def talk(fabric: Running) -> None:
        fault(fabric, status=503, body="busy")
        assert await fabric.get(WIRE, GOAL_STATE) == (503, b"busy")
        (entry,) = await entries(fabric, 1)
        assert (entry.status, entry.fault) == (503, "status 503")

    on_a_fabric(talk)


def test_a_cut_answer_ends_after_so_many_bytes() -> None:
    async def talk(fabric: Running) -> None:
        fault(fabric, cut=40)
        request = f"GET {GOAL_STATE} HTTP/1.1\r\nHost: f\r\n\r\n".encode()
        assert len(await fabric.raw(WIRE, request)) == 40
        (entry,) = await entries(fabric, 1)
        assert (entry.status, entry.fault) == (200, "cut after 40 bytes")

    on_a_fabric(talk)


def test_garbage_is_not_http() -> None:
    async def talk(fabric: Running) -> None:
        fault(fabric, garbage=True)
        answer = await fabric.raw(WIRE, f"GET {GOAL_STATE} HTTP/1.1\r\nHost: f\r\n\r\n".encode())
        assert answer
        assert not answer.startswith(b"HTTP")
        (entry,) = await entries(fabric, 1)
        assert entry.status is None

    on_a_fabric(talk)


def test_a_refused_request_sees_a_reset() -> None:
    async def talk(fabric: Running) -> None:
        fault(fabric, refused=True)
        with pytest.raises(ConnectionResetError):
            await fabric.raw(WIRE, f"GET {GOAL_STATE} HTTP/1.1\r\nHost: f\r\n\r\n".encode())
        assert len(await entries(fabric, 1)) == 1

    on_a_fabric(talk)


def test_an_endless_answer_drips_until_the_client_leaves() -> None:
    async def talk(fabric: Running) -> None:
        fault(fabric, endless=True)
        reader, writer = await asyncio.open_connection(HOST, fabric.port(WIRE))
        writer.write(f"GET {GOAL_STATE} HTTP/1.1\r\nHost: f\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"200" in head
        assert await reader.readexactly(2) == b"  "
        writer.transport.abort()
        (entry,) = await entries(fabric, 1)
        assert entry.fault == "endless"

    on_a_fabric(talk)


def test_a_delayed_answer_comes_after_the_delay() -> None:
    async def talk(fabric: Running) -> None:
        fault(fabric, delay=0.2)
        assert (await fabric.get(WIRE, GOAL_STATE))[0] == 200
        (entry,) = await entries(fabric, 1)
        assert entry.seconds >= 0.2

    on_a_fabric(talk)


def test_a_closed_service_refuses_connections_until_it_is_opened_again() -> None:
    async def talk(fabric: Running) -> None:
        port = fabric.port(Service.HOST_PLUGIN)
        await fabric.server.set_open(Service.HOST_PLUGIN, wanted=False)
        assert not fabric.server.is_open(Service.HOST_PLUGIN)
        with pytest.raises(ConnectionRefusedError):
            await fabric.get(Service.HOST_PLUGIN, "/health")
        assert (await fabric.get(WIRE, GOAL_STATE))[0] == 200
        await fabric.server.set_open(Service.HOST_PLUGIN, wanted=True)
        assert fabric.port(Service.HOST_PLUGIN) == port
        assert (await fabric.get(Service.HOST_PLUGIN, "/health"))[0] == 200

    on_a_fabric(talk)


def test_a_port_in_use_is_named() -> None:
    async def whole() -> None:
        async with running() as first:
            port = first.port(WIRE)
            second = FabricServer(first.fabric, [Listen(service=WIRE, host=HOST, port=port)])
            with pytest.raises(OSError, match=str(port)):
                await second.start()

    asyncio.run(whole())
