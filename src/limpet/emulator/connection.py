"""One client's connection to a fabric port: HTTP by h11, so that faults can reach below it."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

from limpet.emulator.exchange import Call, Headers, Reply, header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.emulator.exchange import Service

CHUNK = 64 * 1024
BODILESS = frozenset({204, 304})
LARGEST_HEAD = 64 * 1024
LARGEST_BODY = 192 * 1024 * 1024
"""Bundles of logs are up to 160 MiB. Source: wire-protocol.md §5.10."""
LARGEST_TOTAL = 512 * 1024 * 1024
"""Of all bodies that are in memory at once."""
IDLE_SECONDS = 75.0
REQUEST_SECONDS = 120.0
"""How long a client may take to send one request."""
WRITE_SECONDS = 120.0
"""How long a client may take to read one answer."""


class Unreadable(Exception):
    """The client does not speak HTTP, sends too much, or is too slow. status: what to answer; None when it is gone."""

    def __init__(self, message: str, status: int | None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """A request without its body."""

    method: str
    target: str
    headers: Headers


class Room:
    """How much more all connections together may take in. left: bytes."""

    def __init__(self, size: int = LARGEST_TOTAL) -> None:
        self.left = size


class Connection:
    """Reads requests and writes answers. Not for use by two tasks at once. room: shared with the others."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, service: Service, room: Room
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._service = service
        self._room = room
        self._held = 0
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
        peer = writer.get_extra_info("peername")
        self.source = str(peer[0]).removeprefix("::ffff:") if peer else ""

    async def receive(self) -> Call | None:
        """The next request, whole; None when the client is done. Raises: Unreadable."""
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                event = await self._event()
        except TimeoutError:
            return None
        if not isinstance(event, h11.Request):
            return None
        head = Head(
            method=event.method.decode("ascii"),
            target=event.target.decode("latin-1"),
            headers=tuple(
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers.raw_items()
            ),
        )
        announced = header(head.headers, "content-length")
        if announced is not None and int(announced) > LARGEST_BODY:  # h11 has seen that it is a number
            raise Unreadable(f"the body is larger than {LARGEST_BODY} bytes", 413)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                body = await self._body()
        except TimeoutError as error:
            raise Unreadable(f"the request was not complete after {REQUEST_SECONDS:.0f} s", 408) from error
        return Call(
            service=self._service,
            source=self.source,
            method=head.method,
            target=head.target,
            headers=head.headers,
            body=body,
        )

    async def send(self, reply: Reply, *, head_only: bool = False) -> None:
        """Write a whole answer. Raises: OSError, TimeoutError, when the client does not take it."""
        for piece in self.pieces(reply, head_only=head_only):
            self.write(piece)
            await self.drained()

    def pieces(self, reply: Reply, *, head_only: bool = False) -> Iterator[bytes]:
        """The answer's bytes: the head, then the body in chunks."""
        yield self.head(reply, length=len(reply.body))
        if not head_only and reply.status not in BODILESS:
            for start in range(0, len(reply.body), CHUNK):
                yield self._http.send(h11.Data(data=reply.body[start : start + CHUNK])) or b""
        yield self._http.send(h11.EndOfMessage()) or b""

    def head(self, reply: Reply, *, length: int) -> bytes:
        """The answer's status line and headers, with a promise of `length` bytes."""
        headers = [*reply.headers, ("Server", "limpet")]
        if reply.status not in BODILESS:
            headers.append(("Content-Length", str(length)))
        encoded = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
        response = h11.Response(status_code=reply.status, headers=encoded, reason=_reason(reply.status))
        return self._http.send(response) or b""

    def write(self, data: bytes) -> None:
        """Send raw bytes, HTTP or not."""
        self._writer.write(data)

    async def drained(self) -> None:
        """Wait until the client took what was written. Raises: OSError, TimeoutError."""
        async with asyncio.timeout(WRITE_SECONDS):
            await self._writer.drain()

    def reusable(self) -> bool:
        """Whether another request may follow; if so, the connection is ready for it."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        return False

    def release(self) -> None:
        """The request's body is needed no more."""
        self._room.left += self._held
        self._held = 0

    async def close(self) -> None:
        """Say goodbye in the ordinary way."""
        self._writer.close()
        try:
            async with asyncio.timeout(5):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()

    def reset(self) -> None:
        """Drop the connection so that the client sees a reset."""
        handle = self._writer.get_extra_info("socket")
        if handle is not None:
            # Lingering for no time at all makes close() send RST.
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _body(self) -> bytes:
        parts: list[bytes] = []
        if self._http.they_are_waiting_for_100_continue:
            self.write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        while True:
            event = await self._event()
            match event:
                case h11.Data():
                    self._held += len(event.data)
                    self._room.left -= len(event.data)
                    if self._held > LARGEST_BODY:
                        raise Unreadable(f"the body is larger than {LARGEST_BODY} bytes", 413)
                    if self._room.left < 0:
                        raise Unreadable("too much is being sent at once", 503)
                    parts.append(bytes(event.data))
                case h11.EndOfMessage():
                    return b"".join(parts)
                case _:
                    raise Unreadable("the client left in the middle of its request", None)

    async def _event(self) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(CHUNK))
        except h11.RemoteProtocolError as error:
            raise Unreadable(f"not HTTP: {error}", error.error_status_hint) from error
        except OSError as error:
            raise Unreadable(f"the connection broke: {error}", None) from error
        return event


def _reason(status: int) -> bytes:
    return _REASONS.get(status, "Status").encode("ascii")


_REASONS = {
    200: "OK", 201: "Created", 202: "Accepted", 206: "Partial Content", 304: "Not Modified", 400: "Bad Request",
    403: "Forbidden", 404: "Not Found", 408: "Request Timeout", 409: "Conflict", 410: "Gone",
    413: "Content Too Large", 416: "Range Not Satisfiable", 429: "Too Many Requests",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
}  # fmt: skip
