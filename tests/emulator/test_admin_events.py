from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn
from tests.emulator.fabrics import HOST, Running, admin_app, running

from limpet.emulator.exchange import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PUBLISHED = {
    "handler": "Acme.Sample",
    "version": "1.0.0",
    "manifestUris": ["http://store.example/m.xml"],
    "public": {"k": "v"},
}


@asynccontextmanager
async def on_a_socket(fabric: Running, path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The admin API on a unix socket, by the server that serves it in earnest."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    server = uvicorn.Server(uvicorn.Config(admin_app(fabric), log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(transport=transport, base_url="http://admin", timeout=120) as client:
            yield client
    finally:
        server.should_exit = server.force_exit = True
        await serving
        listening.close()


async def read_events(client: httpx.AsyncClient, count: int, headers: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with client.stream("GET", "/v1/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
            if len(found) == count:
                break
    return found


def test_events_stream_over_a_unix_socket_and_resume_after_the_last_one_seen(tmp_path: Path) -> None:
    async def whole() -> None:
        async with (
            running() as fabric,
            asyncio.timeout(120),
            on_a_socket(fabric, tmp_path / "admin.sock") as client,
        ):
            await fabric.get(Service.WIRE_SERVER, "/machine/?comp=goalstate")
            name = fabric.fabric.world.at(HOST)
            assert name is not None
            await client.post(f"/v1/vms/{name.name}/goal-state", json={"changes": [PUBLISHED]})
            first = await read_events(client, 2, {"Last-Event-ID": "0"})
            rest = await read_events(client, 1, {"Last-Event-ID": str(first[-1]["id"])})
            assert [event["kind"] for event in (*first, *rest)] == ["vm", "request", "goal-state"]
            assert [event["id"] for event in (*first, *rest)] == [1, 2, 3]
            assert rest[0]["data"]["handlers"][0]["name"] == "Acme.Sample"
            assert first[1]["data"]["endpoint"] == "goal-state"

    asyncio.run(whole())


def test_a_live_stream_tells_what_happens_after_it_was_opened(tmp_path: Path) -> None:
    async def whole() -> None:
        async with (
            running() as fabric,
            asyncio.timeout(120),
            on_a_socket(fabric, tmp_path / "admin.sock") as client,
        ):
            await fabric.get(Service.WIRE_SERVER, "/machine/?comp=goalstate")
            async with client.stream("GET", "/v1/events") as answer:
                lines = answer.aiter_lines()
                assert (await anext(lines)).startswith(": events after 2")
                await fabric.get(Service.WIRE_SERVER, "/?comp=versions")
                told = [await anext(lines) for _ in range(4)]
                assert told[1:3] == ["id: 3", "event: request"]

    asyncio.run(whole())
