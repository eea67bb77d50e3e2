"""Looks whether both platform addresses answer from this network namespace, each by its protocol (R7): a short-lived worker.

It prints a document: {"seconds", "targets": [{"target", "service", "source", "status", "seconds", "refused", "problem"}]}. A target
without a `problem` has answered. One that refuses us (401, 403) has answered, too: the way is there, and another NAT would not change
it, as with the Metadata Security Protocol (F16); `refused` says so. Exit code 1: some did not answer in time.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from limpet.appliance.workers.options import options_of
from limpet.host.clock import RealClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from limpet.host.ports import Clock

WIRE_SERVER, METADATA = "168.63.129.16", "169.254.169.254"
METADATA_SERVICE = "metadata service"
PAUSE = 0.05
"""Between two tries on one target, seconds."""
_CONNECT = 0.3
"""How long a connection may take: the kernel itself repeats a lost packet only after a second."""
_ANSWER = 2.0
_LARGEST = 64 * 1024
_USAGE = "usage: probe [--timeout SECONDS] [--wire-server ADDRESS] [--wire-port PORT] [--host-plugin-port PORT] [--metadata ADDRESS[:PORT]]\n"


def _versions(head: bytes, body: bytes) -> bool:
    del head
    return b"<Versions" in body


def _any(head: bytes, body: bytes) -> bool:
    del body
    return b"HTTP/" in head


def _api_versions(head: bytes, body: bytes) -> bool:
    del head
    return b"apiVersions" in body


class Target:
    """One address and port that must answer, and how far it is."""

    def __init__(
        self,
        service: str,
        address: str,
        port: int,
        path: str,
        header: str = "",
        *,
        is_right: Callable[[bytes, bytes], bool],
    ) -> None:
        self.service, self.address, self.port = service, address, port
        self._request = f"GET {path} HTTP/1.0\r\nHost: {address}\r\n{header}\r\n".encode("ascii")
        self._is_right = is_right
        self.source: str | None = None
        self.status: int | None = None
        self.seconds: float | None = None
        self.problem: str | None = "it was not asked"
        self._socket: socket.socket | None = None
        self._sent = False
        self._buffer = b""
        self._until = 0.0
        self.next = 0.0

    @property
    def name(self) -> str:
        """As it is shown."""
        return f"{self.address}:{self.port}"

    @property
    def answered(self) -> bool:
        """Whether it did, by its protocol."""
        return self.problem is None

    @property
    def waits_for(self) -> tuple[int, int] | None:
        """A descriptor and what is waited for on it."""
        if self._socket is None:
            return None
        return self._socket.fileno(), select.POLLIN if self._sent else select.POLLOUT

    def begin(self, now: float) -> None:
        """Another try."""
        self._buffer, self._sent = b"", False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._until = now + _CONNECT
        try:
            self._socket.connect((self.address, self.port))
        except BlockingIOError:
            pass
        except OSError as error:
            self._failed(os.strerror(error.errno or 0), now)

    def ready(self, now: float) -> None:
        """Something has happened on its socket."""
        if self._socket is None:
            return
        try:
            if self._sent:
                self._receive(self._socket, now)
            else:
                self._send(self._socket, now)
        except BlockingIOError:
            pass
        except OSError as error:
            self._failed(os.strerror(error.errno or 0), now)

    def look(self, now: float) -> None:
        """Give a try up that takes too long."""
        if self._socket is not None and now >= self._until:
            self._failed("no answer came" if self._sent else "no connection was made", now)

    def _send(self, connection: socket.socket, now: float) -> None:
        error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        self.source = connection.getsockname()[0]
        connection.send(self._request)
        self._sent, self._until = True, now + _ANSWER

    def _receive(self, connection: socket.socket, now: float) -> None:
        piece = connection.recv(_LARGEST)
        self._buffer += piece
        if piece and len(self._buffer) < _LARGEST and not self._is_complete():
            return
        head, _, body = self._buffer.partition(b"\r\n\r\n")
        words = head.split(b"\r\n", 1)[0].split()
        self.status = int(words[1]) if len(words) > 1 and words[1].isdigit() else None
        if not head.startswith(b"HTTP/1.") or self.status is None:
            self._failed("what answers does not speak HTTP", now)
        elif self.status in {401, 403} or (self.status < 500 and self._is_right(head, body)):
            self.problem, self.seconds = None, now
            self._close()
        else:
            self._failed(f"it answers with {self.status}, and not as it should", now)

    def _is_complete(self) -> bool:
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name == b"content-length" and value.strip().isdigit():
                return bool(end) and len(body) >= int(value)
        return False

    def _failed(self, problem: str, now: float) -> None:
        self.problem, self.next = problem, now + PAUSE
        self._close()

    def _close(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        self._socket = None

    def close(self) -> None:
        """Try no more."""
        self._close()


def targets(
    wire_server: str = WIRE_SERVER,
    *,
    wire_port: int = 80,
    host_plugin_port: int = 32526,
    metadata: str = METADATA,
) -> tuple[Target, ...]:
    """What must answer; metadata: with a port behind a colon, where that is not 80. Source: network-appliance.md §3.1."""
    address, _, port = metadata.partition(":")
    return (
        Target("wire server", wire_server, wire_port, "/?comp=versions", is_right=_versions),
        Target("host plugin", wire_server, host_plugin_port, "/versions", is_right=_any),
        Target(
            METADATA_SERVICE,
            address,
            int(port or 80),
            "/metadata/versions",
            "Metadata: true\r\n",
            is_right=_api_versions,
        ),
    )


def probe(asked: Sequence[Target], clock: Clock, timeout: float) -> dict[str, object]:
    """Ask all of them at once, again and again, until all have answered or the time is over. timeout: seconds."""
    began = clock.monotonic()
    while True:
        now = clock.monotonic()
        for target in asked:
            target.look(now)
        left = [target for target in asked if not target.answered]
        if not left or now - began >= timeout:
            break
        for target in left:
            if target.waits_for is None and now >= target.next:
                target.begin(now)
        _wait(left, clock, min(PAUSE / 5, began + timeout - now))
    for target in asked:
        target.close()
    return {
        "seconds": round(clock.monotonic() - began, 4),
        "targets": [_told(target, began) for target in asked],
    }


def _wait(left: Iterable[Target], clock: Clock, seconds: float) -> None:
    poll = select.poll()
    waiting: dict[int, Target] = {}
    for target in left:
        wanted = target.waits_for
        if wanted is not None:
            poll.register(*wanted)
            waiting[wanted[0]] = target
    for descriptor, _ in poll.poll(max(1.0, seconds * 1000)):
        waiting[descriptor].ready(clock.monotonic())


def _told(target: Target, began: float) -> dict[str, object]:
    refused = target.status if target.answered and target.status in {401, 403} else None
    return {
        "target": target.name,
        "service": target.service,
        "source": target.source,
        "status": target.status,
        "seconds": None if target.seconds is None else round(target.seconds - began, 4),
        "refused": refused,
        "problem": target.problem,
    }


def main(arguments: Sequence[str]) -> int:
    """The worker. Gives the exit code."""
    known = {"--timeout", "--wire-server", "--wire-port", "--host-plugin-port", "--metadata"}
    try:
        options = options_of(arguments, known)
        timeout = float(options.get("--timeout", "10"))
        asked = targets(
            options.get("--wire-server", WIRE_SERVER),
            wire_port=int(options.get("--wire-port", "80")),
            host_plugin_port=int(options.get("--host-plugin-port", "32526")),
            metadata=options.get("--metadata", METADATA),
        )
    except ValueError:
        sys.stderr.write(_USAGE)
        return 2
    found = probe(asked, RealClock(), timeout)
    sys.stdout.write(json.dumps(found) + "\n")
    return 0 if all(target.answered for target in asked) else 1
