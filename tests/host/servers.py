"""A peer on the loopback whose every byte a test decides."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Conversation = Callable[["Peer"], None]

PATIENCE = 60.0


@dataclass
class Peer:
    """One accepted connection. ended: set when the test is over, for conversations that would hold on."""

    socket: socket.socket
    ended: threading.Event
    requests: list[bytes]

    def request(self) -> bytes:
        """Read one request, head and body; empty when the client has closed."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.socket.recv(65536)
            if not piece:
                return data
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(body) < length:
            body += self.socket.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    def answer(self, body: bytes = b"", *, status: str = "200 OK", headers: str = "") -> None:
        """Answer one request with a body of known length."""
        self.socket.sendall(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body
        )

    def say(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def reset(self) -> None:
        """End the connection without a goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()


@dataclass
class Server:
    """conversations: one for each connection in turn; the last one is used for all that follow."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    def url(self, target: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{target}"


@contextlib.contextmanager
def serving(*conversations: Conversation) -> Iterator[Server]:
    """A server for as long as the context lasts."""
    ended = threading.Event()
    threads: list[threading.Thread] = []
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(port=listener.getsockname()[1])

        def serve(connection: socket.socket, conversation: Conversation) -> None:
            connection.settimeout(PATIENCE)
            with connection, contextlib.suppress(OSError):
                conversation(Peer(connection, ended, server.requests))

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                conversation = conversations[min(server.connections, len(conversations) - 1)]
                server.connections += 1
                accepted.append(connection)
                thread = threading.Thread(target=serve, args=(connection, conversation), daemon=True)
                threads.append(thread)
                thread.start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield server
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join(PATIENCE)
            for connection in accepted:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(PATIENCE)
            assert not any(thread.is_alive() for thread in threads)


def answering(body: bytes = b"", *, status: str = "200 OK", headers: str = "") -> Conversation:
    """Answer every request on the connection in the same way."""

    def converse(peer: Peer) -> None:
        while peer.request():
            peer.answer(body, status=status, headers=headers)

    return converse


def saying(data: bytes) -> Conversation:
    """Read a request, say something and close."""

    def converse(peer: Peer) -> None:
        peer.request()
        peer.say(data)

    return converse
