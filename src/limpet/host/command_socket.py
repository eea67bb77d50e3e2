"""The unix socket by which the guest shell asks for commands: both its ends. Whoever asks may be hostile.

One request for each connection. A client has a few seconds to send it and a few to take the reply, and so many may be
connected; what is beyond that is told so, or closed. No client can make the server wait.
"""

from __future__ import annotations

import selectors
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.guest.command_protocol import (
    LARGEST_REPLY,
    LARGEST_REQUEST,
    CommandReply,
    parse_reply,
    render_reply,
    render_request,
)
from limpet.host.clock import Deadline
from limpet.model.errors import HostError, MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from limpet.guest.command_protocol import CommandRequest
    from limpet.host.ports import Clock

MOST_CLIENTS = 16
PATIENCE = 5.0
"""Seconds for a request to come whole, and for a reply to be taken whole."""
_PIECE = 64 * 1024
_CREDENTIALS = struct.Struct("3i")
_SO_PEERGROUPS = 59
_LARGEST_OPTION = 1024
"""Bytes of an option that Python reads: 256 groups."""
BUSY = CommandReply(exit_code=None, refused=True, problem="too many ask at once; try again")


@dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """Who is at the other end, as the kernel says. groups: all of them."""

    pid: int
    uid: int
    gid: int
    groups: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request that is there whole. content: without the end of line; None when it was too long. number: for the reply."""

    number: int
    peer: Peer
    content: bytes | None


@dataclass(slots=True)
class _Client:
    number: int
    channel: socket.socket
    peer: Peer
    until: float | None
    heard: bytearray = field(default_factory=bytearray)
    todo: memoryview | None = None


class CommandSocket:
    """The server's end. Not for several threads, but for `wake`."""

    def __init__(self, listener: socket.socket, clock: Clock) -> None:
        """listener: from `command_door.Door`, which goes on listening when this is closed."""
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._clients: dict[int, _Client] = {}
        self._numbers = 0
        self._listener = listener
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)

    @property
    def quiet(self) -> bool:
        """Whether nobody is connected."""
        return not self._clients

    def wake(self) -> None:
        """Have `step` return soon; from any thread."""
        with suppress(BlockingIOError):
            self._waker.send(b"!")

    def step(self, timeout: float) -> list[Asked]:
        """Serve whoever is there, for at most `timeout` seconds; give the requests that came whole."""
        now = self._clock.monotonic()
        ends = [client.until for client in self._clients.values() if client.until is not None]
        ready = self._selector.select(max(0.0, min([timeout, *(end - now for end in ends)])))
        asked = []
        for key, _ in ready:
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._woken:
                with suppress(BlockingIOError):
                    self._woken.recv(_PIECE)
            else:
                asked += self._served(key.data)
        self._tidy()
        return asked

    def reply(self, number: int, reply: CommandReply) -> None:
        """Answer a request; a client that has gone hears nothing."""
        client = self._clients.get(number)
        if client is None:
            return
        client.todo = memoryview(render_reply(reply))
        client.until = self._clock.monotonic() + PATIENCE
        self._selector.register(client.channel, selectors.EVENT_WRITE, client)

    def close(self) -> None:
        """Let go of everybody."""
        for client in list(self._clients.values()):
            self._drop(client)
        self._selector.close()
        for each in (self._listener, self._waker, self._woken):
            each.close()

    def _accept(self) -> None:
        try:
            channel, _ = self._listener.accept()
        except OSError:  # it went again, or there is no descriptor left
            return
        channel.setblocking(False)
        try:
            peer = _peer_of(channel)
        except OSError:
            channel.close()
            return
        if len(self._clients) >= MOST_CLIENTS:
            with suppress(OSError):
                channel.send(render_reply(BUSY))
            channel.close()
            return
        self._numbers += 1
        client = _Client(self._numbers, channel, peer, self._clock.monotonic() + PATIENCE)
        self._clients[client.number] = client
        self._selector.register(channel, selectors.EVENT_READ, client)

    def _served(self, client: _Client) -> list[Asked]:
        try:
            if client.todo is not None:
                client.todo = client.todo[client.channel.send(client.todo) :]
                if not client.todo:
                    self._drop(client)
                return []
            piece = client.channel.recv(_PIECE)
        except BlockingIOError:
            return []
        except OSError:
            self._drop(client)
            return []
        return self._heard(client, piece)

    def _heard(self, client: _Client, piece: bytes) -> list[Asked]:
        client.heard += piece
        line, end, more = bytes(client.heard).partition(b"\n")
        if not end and piece and len(client.heard) <= LARGEST_REQUEST:
            return []
        if not end and len(client.heard) <= LARGEST_REQUEST:  # it ended in the middle of a line
            self._drop(client)
            return []
        client.heard.clear()
        client.until = None  # it is ours to answer now
        # Nothing more is read: a client that goes on talking only fills its own buffer.
        self._selector.unregister(client.channel)
        fits = bool(end) and not more and len(line) <= LARGEST_REQUEST
        return [Asked(number=client.number, peer=client.peer, content=line if fits else None)]

    def _tidy(self) -> None:
        """Drop whoever had its time."""
        now = self._clock.monotonic()
        for client in [
            each for each in self._clients.values() if each.until is not None and each.until <= now
        ]:
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        self._clients.pop(client.number, None)
        with suppress(KeyError):
            self._selector.unregister(client.channel)
        client.channel.close()


def _peer_of(channel: socket.socket) -> Peer:
    """Raises: OSError."""
    found = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(found)
    try:
        groups = channel.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _LARGEST_OPTION)
    except OSError:  # more of them than fit
        groups = b""
    return Peer(
        pid=pid, uid=uid, gid=gid, groups=frozenset({gid, *struct.unpack(f"{len(groups) // 4}I", groups)})
    )


def ask(places: Sequence[Path], request: CommandRequest, *, timeout: float) -> CommandReply:
    """The client's end: ask at the first of `places` where anything is. timeout: seconds. Raises: HostError."""
    place = next((each for each in places if each.is_socket()), None)
    if place is None:
        raise HostError(f"the network OS takes no commands here: there is no {places[0]}")
    deadline = Deadline(timeout)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(timeout)
            channel.connect(str(place))
            channel.sendall(render_request(request))
            content = _all_of(channel, deadline)
    except TimeoutError as error:
        raise HostError(f"no answer came from {place} within {timeout:g} s") from error
    except OSError as error:
        raise HostError(f"cannot ask at {place}: {error.strerror or error}") from error
    try:
        return parse_reply(content)
    except MalformedDocument as error:
        raise HostError(f"the answer from {place} cannot be read: {error}") from error


def _all_of(channel: socket.socket, deadline: Deadline) -> bytes:
    """Raises: OSError, TimeoutError."""
    content = bytearray()
    while not content.endswith(b"\n") and len(content) <= LARGEST_REPLY:
        if deadline.over:
            raise TimeoutError
        channel.settimeout(deadline.left())
        piece = channel.recv(_PIECE)
        if not piece:
            break
        content += piece
    return bytes(content)
