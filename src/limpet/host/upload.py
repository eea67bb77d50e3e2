"""A request to the fabric whose body is a file, in the worker: sent piece by piece, never in memory as a whole."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from limpet.host.connection import connect, receive
from limpet.host.download import Outcome
from limpet.host.http1 import NotHttp, ResponseReader, place, request_head
from limpet.host.transfer import explained
from limpet.model.errors import HostError

if TYPE_CHECKING:
    import socket

    from limpet.host.clock import Deadline
    from limpet.host.transfer import Call

_PIECE = 256 * 1024


def upload(call: Call, source: str, size: int, deadline: Deadline) -> Outcome:
    """Send `call` with the file `source` as its body, directly. size: the most it may have, bytes.

    Raises: FabricUnreachable; HostError, when the file cannot be read.
    """
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(f"cannot send {source}: {error.strerror}") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > size:
            raise HostError(
                f"cannot send {source}: it is no regular file of at most {size} bytes ({found.st_size})"
            )
        return _sent(call, descriptor, found.st_size, deadline)
    finally:
        os.close(descriptor)


def _sent(call: Call, descriptor: int, length: int, deadline: Deadline) -> Outcome:
    pieces: list[bytes] = []
    reader = ResponseReader(call.method, limit=call.limit, take=pieces.append)
    with explained(call, deadline):
        where = place(call.url)
        if where.tls:
            raise NotHttp("the fabric is not spoken to by https")
        head = request_head(call.method, where, {**call.headers, "Connection": "close"}, body_length=length)
        with connect(where, deadline) as connection:
            try:
                connection.settimeout(max(deadline.left(), 0.001))
                connection.sendall(head)
                _pour(connection, descriptor, length, deadline)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the answer may have come early
            for _ in receive(connection, reader, deadline):
                pass
    return Outcome(reader.status, reader.headers, b"".join(pieces))


def _pour(connection: socket.socket, descriptor: int, length: int, deadline: Deadline) -> None:
    """Send `length` bytes of a file. Raises: HostError, when it has become shorter meanwhile."""
    sent = 0
    while sent < length:
        piece = os.pread(descriptor, min(_PIECE, length - sent), sent)
        if not piece:
            raise HostError("the file that is being sent was cut meanwhile")
        connection.settimeout(max(deadline.left(), 0.001))
        connection.sendall(piece)
        sent += len(piece)
