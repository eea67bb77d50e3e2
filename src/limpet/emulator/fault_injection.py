"""Injecting a fault: what is done to the bytes of an exchange that a rule of `faults` has chosen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.emulator.exchange import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.emulator.connection import Connection
    from limpet.emulator.exchange import Call
    from limpet.emulator.faults import Fault

DRIP_SECONDS = 0.5
LONGEST_DRIP = 600.0
"""Even an endless answer ends: after so many seconds the connection is reset."""
ENDLESS = 1 << 30
"""The length that an endless answer promises."""
GARBAGE = bytes(range(256)) * 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Injured:
    """How an exchange ended. status: None when no status line was sent; alive: whether the connection can go on."""

    status: int | None
    reply: Reply | None = None
    alive: bool = False


async def inflict(fault: Fault, connection: Connection, call: Call, serve: Callable[[], Reply]) -> Injured:
    """Answer `call` with `fault`. serve: gives the proper answer, and does what it says.

    A delay comes before anything else. A status replaces the answer and nothing is done; a cut answer was served, the
    client only does not hear all of it. Raises: OSError, TimeoutError, when the client goes first.
    """
    if fault.delay:
        await asyncio.sleep(fault.delay)
    if fault.refused:
        connection.reset()
        return Injured(status=None)
    if fault.garbage:
        connection.write(GARBAGE)
        await connection.close()
        return Injured(status=None)
    if fault.status is not None:
        reply = Reply(
            status=fault.status,
            body=fault.body.encode(),
            headers=(("Content-Type", "text/plain; charset=utf-8"),),
        )
    else:
        reply = serve()
    if fault.endless:
        return await _drip(connection, reply)
    if fault.cut is not None:
        return await _cut(connection, reply, fault.cut)
    await connection.send(reply, head_only=call.method == "HEAD")
    return Injured(status=reply.status, reply=reply, alive=True)


async def _cut(connection: Connection, reply: Reply, length: int) -> Injured:
    whole = b"".join(connection.pieces(reply))
    connection.write(whole[:length])
    await connection.drained()
    await connection.close()
    return Injured(status=reply.status if length else None, reply=reply)


async def _drip(connection: Connection, reply: Reply) -> Injured:
    connection.write(connection.head(reply, length=ENDLESS))
    elapsed = 0.0
    while elapsed < LONGEST_DRIP:
        connection.write(b" ")
        await connection.drained()
        await asyncio.sleep(DRIP_SECONDS)
        elapsed += DRIP_SECONDS
    connection.reset()
    return Injured(status=reply.status, reply=reply)
