"""Plain HTTP to the fabric's own addresses: the Http port, over sockets.

The whole exchange has one deadline, so that an answer that never ends cannot hold a task. Connections are kept and
used again; one that the other side has closed meanwhile is replaced, once, where that cannot do anything twice.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import TYPE_CHECKING

from limpet.host.clock import Deadline
from limpet.host.connection import connect, receive, send
from limpet.host.http1 import NotHttp, Place, ResponseReader, place, request_head
from limpet.model.errors import FabricUnreachable
from limpet.wire.http import Response

if TYPE_CHECKING:
    from limpet.wire.http import Request

_UNACKNOWLEDGED_MS = 3000
"""After so long without an acknowledgement the kernel gives a connection up: the path under it has gone, as when the
network OS is started anew. The fabric answers at TCP level within milliseconds."""
_IDLE_CONNECTIONS = 4
"""Kept for each address: one for each of the agent's tasks."""


class _Stale(Exception):
    """A kept connection turned out to be closed before anything was answered."""


class PlainHttp:
    """The Http port. Safe to use from several threads."""

    def __init__(self, *, user_agent: str) -> None:
        self._user_agent = user_agent
        self._idle: dict[tuple[str, int], list[socket.socket]] = {}
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._aborted = False

    def exchange(self, request: Request) -> Response:
        """Send one request and give its answer, whatever its status.

        Raises: FabricUnreachable, for anything that is not a complete HTTP answer within the request's
        timeout and limit.
        """
        deadline = Deadline(request.timeout)
        where: Place | None = None
        try:
            where = place(request.url)
            return self._exchange(request, where, deadline)
        except TimeoutError as error:
            # The kernel's own time limits come with a number, the deadline does not.
            problem = error.strerror or f"no complete answer within {request.timeout:g} s"
            raise _unreachable(request, where, problem) from error
        except NotHttp as error:
            raise _unreachable(request, where, str(error)) from error
        except OSError as error:
            raise _unreachable(request, where, error.strerror or str(error)) from error

    def close(self) -> None:
        """Close the kept connections."""
        with self._lock:
            kept = [connection for connections in self._idle.values() for connection in connections]
            self._idle.clear()
        for connection in kept:
            connection.close()

    def abort(self) -> None:
        """End at once every exchange that goes on, and let no other begin: they fail as if the network had gone.

        May be called by a signal's handler.
        """
        self._aborted = True
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _begin(self, connection: socket.socket) -> None:
        """Note what `abort` has to end, and forget what has ended. Without a lock: a signal's handler must not wait for one."""
        for each in list(self._connections):
            if each.fileno() < 0:
                self._connections.discard(each)
        self._connections.add(connection)
        if self._aborted:
            raise ConnectionAbortedError("no exchange is wanted any more")

    def _exchange(self, request: Request, where: Place, deadline: Deadline) -> Response:
        if where.tls:
            raise NotHttp("the fabric is not spoken to by https")
        headers = dict(request.headers)
        if not any(name.lower() == "user-agent" for name in headers):
            headers["User-Agent"] = self._user_agent
        head = request_head(request.method, where, headers, body_length=len(request.body))
        kept = self._kept(where)
        if kept is not None:
            with contextlib.suppress(_Stale):
                return self._over(kept, request, where, head, deadline, reused=True)
        connection = connect(where, deadline, begun=self._begin)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
        return self._over(connection, request, where, head, deadline, reused=False)

    def _over(
        self,
        connection: socket.socket,
        request: Request,
        where: Place,
        head: bytes,
        deadline: Deadline,
        *,
        reused: bool,
    ) -> Response:
        body = bytearray()
        reader = ResponseReader(request.method, limit=request.limit, take=body.extend)
        keep = False
        try:
            send(connection, head + request.body, deadline)
            for _ in receive(connection, reader, deadline):
                pass
            keep = reader.reusable
        except (NotHttp, ConnectionError, TimeoutError) as error:
            if reused and not reader.started and _may_repeat(request, error, deadline):
                raise _Stale from error
            raise
        finally:
            if keep:
                self._keep(where, connection)
            else:
                connection.close()
        return Response(status=reader.status, headers=reader.headers, body=bytes(body))

    def _kept(self, where: Place) -> socket.socket | None:
        with self._lock:
            connections = self._idle.get((where.host, where.port), [])
            while connections:
                connection = connections.pop()
                if _quiet(connection):
                    return connection
                connection.close()
        return None

    def _keep(self, where: Place, connection: socket.socket) -> None:
        with self._lock:
            connections = self._idle.setdefault((where.host, where.port), [])
            if len(connections) < _IDLE_CONNECTIONS:
                connections.append(connection)
                return
        connection.close()


def _quiet(connection: socket.socket) -> bool:
    """Whether nothing has arrived on a kept connection: neither its end nor something nobody asked for."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return not poll.poll(0)


def _may_repeat(request: Request, error: Exception, deadline: Deadline) -> bool:
    # A request on a connection that the server was about to close has not been looked at. One that got no
    # acknowledgement may have been; then only what changes nothing is asked again.
    if deadline.over:
        return False
    return request.method in {"GET", "HEAD"} or not isinstance(error, TimeoutError)


def _unreachable(request: Request, where: Place | None, problem: str) -> FabricUnreachable:
    shown = where.shown if where is not None else "request"
    return FabricUnreachable(f"{request.method} {shown}: {problem}")
