"""A fabric on loopback ports, for the emulator's tests."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tests.emulator.worlds import OpenSealer, certificate

from limpet.emulator.admin.app import create_app
from limpet.emulator.admin.base import Api
from limpet.emulator.clock import SystemClock
from limpet.emulator.exchange import Service
from limpet.emulator.fabric import Fabric
from limpet.emulator.server import FabricServer, Listen
from limpet.emulator.storage.packages import read_package
from limpet.emulator.world.state import Settings, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from starlette.applications import Starlette

    from limpet.emulator.certificates.pki import TenantCertificate

HOST = "127.0.0.1"


@dataclass
class Running:
    """A fabric that listens; its VM is whoever asks from 127.0.0.1."""

    fabric: Fabric
    server: FabricServer

    def port(self, service: Service) -> int:
        return self.server.addresses(service)[0][1]

    async def raw(self, service: Service, request: bytes, *, half_close: bool = False) -> bytes:
        """Send bytes, and give everything that comes back until the connection ends."""
        reader, writer = await asyncio.open_connection(HOST, self.port(service))
        try:
            writer.write(request)
            if half_close:
                writer.write_eof()
            async with asyncio.timeout(120):
                return await reader.read()
        finally:
            writer.close()

    async def get(
        self, service: Service, target: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """One request on its own connection: status and body."""
        lines = [f"GET {target} HTTP/1.1", "Host: fabric", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        head, _, body = (await self.raw(service, "\r\n".join([*lines, "", ""]).encode())).partition(
            b"\r\n\r\n"
        )
        return int(head.split()[1]) if head else 0, body


def fabric(**settings: Any) -> Fabric:
    return Fabric(
        World(settings=Settings(**settings)),
        clock=SystemClock(),
        sealer=OpenSealer(),
        new_certificate=certificate,
    )


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Running]:
    owner = fabric(**settings)
    server = FabricServer(
        owner,
        [Listen(service=service, host=HOST, port=0) for service in Service if service is not Service.DHCP],
    )
    await server.start()
    wire, storage = (server.addresses(service)[0][1] for service in (Service.WIRE_SERVER, Service.STORAGE))
    owner.update(
        lambda world: replace(
            world,
            settings=replace(world.settings, endpoint=f"{HOST}:{wire}", storage=f"http://{HOST}:{storage}"),
        )
    )
    try:
        yield Running(owner, server)
    finally:
        await server.close()


def open_encrypt(certificate: TenantCertificate, plaintext: bytes) -> str:
    return f"{certificate.thumbprint}:{plaintext.decode()}"


def admin_app(fabric: Running) -> Starlette:
    return create_app(Api(fabric.fabric, fabric.server, encrypt=open_encrypt, read_package=read_package))


def on_a_fabric(talk: Callable[[Running], Coroutine[Any, Any, None]], **settings: Any) -> None:
    """Run what talks to a fabric, with that fabric around it. settings: of `running`."""

    async def whole() -> None:
        async with running(**settings) as fabric, asyncio.timeout(120):
            await talk(fabric)

    asyncio.run(whole())
