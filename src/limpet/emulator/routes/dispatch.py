"""From a call to its reply."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.emulator.routes.context import text

if TYPE_CHECKING:
    from limpet.emulator.exchange import Call, Reply
    from limpet.emulator.routes.context import Context
    from limpet.emulator.routes.table import Endpoint
    from limpet.emulator.world.state import World


def answer(world: World, endpoint: Endpoint | None, call: Call, context: Context) -> tuple[World, Reply]:
    """Serve one call. endpoint: as `table.find` gives it."""
    if endpoint is None:
        return world, text(404, f"{call.service.value} has nothing at {call.method} {call.path[:200]}")
    vm = world.at(call.source)
    if vm is None:
        return world, text(
            404,
            f"{call.source} is no VM of this fabric; add it by the admin API, or start the emulator with --auto",
        )
    return settled(world, *endpoint.route(world, vm, call, context))


def settled(before: World, after: World, reply: Reply) -> tuple[World, Reply]:
    """What becomes of objections: in a strict world the first one is the answer and nothing was done."""
    if not reply.objections:
        return after, reply
    messages = tuple(objection.message for objection in reply.objections)
    if before.settings.strict:
        return before, replace(text(reply.objections[0].status, messages[0]), remarks=messages)
    return after, replace(reply, remarks=(*reply.remarks, *messages), objections=())
