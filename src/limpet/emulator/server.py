"""The fabric's ports: a socket for each service, one task for each connection.

A request goes through the faults, a route and the ledger here; none of those knows of a socket.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

from limpet.emulator.connection import Connection, Room, Unreadable
from limpet.emulator.exchange import Call, Reply, Service
from limpet.emulator.fault_injection import Injured, inflict
from limpet.emulator.routes import table
from limpet.emulator.world.ledger import BODY_COPY, Entry, copied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.emulator.dhcp.server import DhcpServer
    from limpet.emulator.fabric import Fabric

MOST_CONNECTIONS = 1024
LONGEST_TARGET = 8192


@dataclass(frozen=True, kw_only=True, slots=True)
class Listen:
    """A service on an address. port: 0 takes a free one."""

    service: Service
    host: str
    port: int


class FabricServer:
    """Serves a fabric on its ports."""

    def __init__(
        self,
        fabric: Fabric,
        listens: Sequence[Listen],
        dhcp: DhcpServer | None = None,
        *,
        room: Room | None = None,
    ) -> None:
        """room: for the bodies of all requests that are here at once."""
        self._fabric = fabric
        self._listens = list(listens)
        self._dhcp = dhcp
        self._servers: dict[int, asyncio.Server] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._room = room or Room()

    async def start(self) -> None:
        """Open every port. Raises: OSError, naming the address."""
        self._fabric.prepare()
        for number in range(len(self._listens)):
            await self._open(number)
        if self._dhcp is not None:
            self._dhcp.open()

    async def close(self) -> None:
        """Close every port and drop every connection."""
        for server in self._servers.values():
            server.close()
        if self._dhcp is not None:
            self._dhcp.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._servers.clear()
        await self._fabric.close()

    def addresses(self, service: Service) -> list[tuple[str, int]]:
        """Where `service` listens, ports as they really are; DHCP on an interface."""
        if service is Service.DHCP:
            return [] if self._dhcp is None else [(self._dhcp.interface, self._dhcp.port)]
        return [(listen.host, listen.port) for listen in self._listens if listen.service is service]

    def is_open(self, service: Service) -> bool:
        """Whether `service` takes connections."""
        if service is Service.DHCP:
            return self._dhcp is not None and self._dhcp.is_open
        return any(
            listen.service is service and number in self._servers
            for number, listen in enumerate(self._listens)
        )

    async def set_open(self, service: Service, wanted: bool) -> None:
        """Close the ports of `service`, so that connections are refused, or open them again. Raises: OSError."""
        if service is Service.DHCP and self._dhcp is not None and wanted != self._dhcp.is_open:
            (self._dhcp.open if wanted else self._dhcp.close)()
        for number, listen in enumerate(self._listens):
            if listen.service is not service or wanted == (number in self._servers):
                continue
            if wanted:
                await self._open(number)
            else:
                self._servers.pop(number).close()

    async def _open(self, number: int) -> None:
        listen = self._listens[number]

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._connected(Connection(reader, writer, listen.service, self._room), listen.service)

        try:
            server = await asyncio.start_server(connected, listen.host, listen.port, backlog=256)
        except OSError as error:
            raise OSError(
                f"cannot listen on {listen.host}:{listen.port} for {listen.service.value}: {error}"
            ) from error
        port = server.sockets[0].getsockname()[1]
        self._listens[number] = Listen(service=listen.service, host=listen.host, port=port)
        self._servers[number] = server

    async def _connected(self, connection: Connection, service: Service) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= MOST_CONNECTIONS:
            connection.reset()
            return
        self._connections.add(task)
        try:
            await self._converse(connection, service)
        except (OSError, TimeoutError):
            connection.reset()
        except asyncio.CancelledError:
            connection.reset()
        finally:
            connection.release()
            self._connections.discard(task)

    async def _converse(self, connection: Connection, service: Service) -> None:
        while True:
            try:
                call = await connection.receive()
            except Unreadable as problem:
                await self._refuse(connection, service, problem)
                break
            if call is None:
                break
            if not await self._exchange(connection, call):
                return
            connection.release()
            if not connection.reusable():
                break
        await connection.close()

    async def _exchange(self, connection: Connection, call: Call) -> bool:
        """Answer one request; False when the connection is gone afterwards."""
        at, started = self._fabric.clock.now(), self._fabric.clock.elapsed()
        await self._fabric.admit(call.source)
        endpoint = table.find(call, self._fabric.world.settings.storage_prefix)
        name = endpoint.name if endpoint else table.UNKNOWN
        fault = self._fabric.fault_for(name, call)
        outcome = Injured(status=None)
        try:
            if fault is None:
                reply = self._serve(endpoint, call)
                outcome = Injured(status=reply.status, reply=reply, alive=True)
                await connection.send(reply, head_only=call.method == "HEAD")
            else:
                outcome = await inflict(fault, connection, call, lambda: self._serve(endpoint, call))
            return outcome.alive
        finally:
            seconds = self._fabric.clock.elapsed() - started
            self._record(
                call, name, outcome, at=at, seconds=seconds, fault=fault.describe() if fault else None
            )

    def _serve(self, endpoint: table.Endpoint | None, call: Call) -> Reply:
        try:
            return self._fabric.serve(endpoint, call)
        except Exception as error:  # noqa: BLE001 - a defect in one route must not look like a network fault
            problem = f"defect of the emulator: {type(error).__name__}: {error}"
            return Reply(status=500, body=problem.encode(), remarks=(problem,))

    async def _refuse(self, connection: Connection, service: Service, problem: Unreadable) -> None:
        """Answer what could not be read, as far as that is possible."""
        reply = Reply(
            status=problem.status or 0,
            body=str(problem).encode(),
            headers=(("Connection", "close"),),
            remarks=(str(problem),),
        )
        if problem.status is not None:
            with contextlib.suppress(OSError, TimeoutError, h11.LocalProtocolError):
                await connection.send(reply)
        call = Call(service=service, source=connection.source, method="?", target="?")
        outcome = Injured(status=problem.status, reply=reply)
        self._record(call, table.UNKNOWN, outcome, at=self._fabric.clock.now())

    def _record(
        self,
        call: Call,
        endpoint: str,
        outcome: Injured,
        *,
        at: float,
        seconds: float = 0.0,
        fault: str | None = None,
    ) -> None:
        vm = self._fabric.world.at(call.source)
        reply = outcome.reply
        self._fabric.record(
            Entry(
                id=0,
                at=at,
                vm=vm.name if vm else None,
                service=call.service,
                endpoint=endpoint,
                method=call.method,
                target=call.target[:LONGEST_TARGET],
                headers=copied(call.headers),
                body=call.body[:BODY_COPY],
                body_size=len(call.body),
                status=outcome.status,
                reply_size=len(reply.body) if reply else 0,
                fault=fault,
                remarks=reply.remarks if reply else (),
                seconds=seconds,
                source=call.source,
            )
        )
