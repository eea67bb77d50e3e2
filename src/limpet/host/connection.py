"""One TCP connection under a deadline. Shared by the fabric's client and the download worker, so it imports little."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from limpet.host.http1 import NotHttp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.host.clock import Deadline
    from limpet.host.http1 import Place, ResponseReader

_PIECE = 64 * 1024
_FOR_EVER = float("inf")


def _unseen(_connection: socket.socket) -> None:
    """Nobody wants to know."""


def connect(
    where: Place,
    deadline: Deadline,
    *,
    names: bool = False,
    begun: Callable[[socket.socket], None] = _unseen,
) -> socket.socket:
    """Open a connection. begun: told of it before it is there; what it raises ends the attempt.

    names: whether the host may be a name. Looking one up has no time limit, so only a worker that can be abandoned
    may do it; and the fabric has no names. Raises: NotHttp, when it is a name all the same; OSError.
    """
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    try:
        socket.inet_pton(family, where.host)
    except OSError:
        if not names:
            raise NotHttp(f"{where.host} is not an address") from None
        return _connect_by_name(where, deadline)
    return _connect(family, (where.host, where.port), deadline, begun)


def send(connection: socket.socket, data: bytes, deadline: Deadline) -> None:
    """Send all of `data`. A connection closed meanwhile is not an error yet: the answer may have come early."""
    connection.settimeout(_positive(deadline))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(data)


def receive(
    connection: socket.socket, reader: ResponseReader, deadline: Deadline, *, silence: float = _FOR_EVER
) -> Iterator[None]:
    """Read one answer; pauses whenever something has arrived. silence: the longest that is borne, seconds.

    Raises: NotHttp, TimeoutError, OSError.
    """
    while not reader.complete:
        connection.settimeout(min(_positive(deadline), silence))
        data = connection.recv(_PIECE)
        if data:
            reader.feed(data)
            yield
        else:
            reader.end()


def _connect_by_name(where: Place, deadline: Deadline) -> socket.socket:
    problem: OSError | None = None
    for family, _, _, _, address in socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM):
        try:
            return _connect(family, address, deadline)
        except TimeoutError:
            raise
        except OSError as error:
            problem = error
    raise problem or NotHttp(f"{where.host} has no address")


def _connect(
    family: int,
    address: object,
    deadline: Deadline,
    begun: Callable[[socket.socket], None] = _unseen,
) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        begun(connection)
        connection.settimeout(_positive(deadline))
        connection.connect(address)  # type: ignore[arg-type] # as getaddrinfo gives it
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


def _positive(deadline: Deadline) -> float:
    left = deadline.left()
    if not left:
        raise TimeoutError
    return left
