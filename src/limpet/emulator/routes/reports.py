"""What agents post to the wire server about their work: telemetry and observations. Source: wire-protocol.md §8, §9."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.emulator.exchange import Reply
from limpet.emulator.routes.context import text
from limpet.emulator.vm import Received
from limpet.model.errors import MalformedDocument
from limpet.wire.healthservice import parse_observations
from limpet.wire.telemetry import parse_telemetry

if TYPE_CHECKING:
    from limpet.emulator.exchange import Call
    from limpet.emulator.routes.context import Context
    from limpet.emulator.vm import VirtualMachine
    from limpet.emulator.world import World

TELEMETRY_CALLS = 15
TELEMETRY_PERIOD = 15.0
"""So many posts in so many seconds are taken. Source: wire-protocol.md §8.3."""
LARGEST_TELEMETRY = 64 * 1024


def telemetry(world: World, vm: VirtualMachine, call: Call, context: Context) -> tuple[World, Reply]:
    """A batch of events of one provider."""
    recent = tuple(at for at in vm.telemetry_calls if context.now - at < TELEMETRY_PERIOD)
    if len(recent) >= TELEMETRY_CALLS:
        return world, text(429, f"more than {TELEMETRY_CALLS} posts in {TELEMETRY_PERIOD:.0f} s")
    vm = replace(vm, telemetry_calls=(*recent, context.now))
    try:
        events = parse_telemetry(call.body)
    except MalformedDocument as error:
        return world.with_vm(vm), text(400, str(error))
    too_large = len(call.body) > LARGEST_TELEMETRY
    remarks = (f"the batch is larger than {LARGEST_TELEMETRY} bytes",) if too_large else ()
    ring = vm.inbox.telemetry.append(*(Received(at=context.now, value=event) for event in events))
    return world.with_vm(replace(vm, inbox=replace(vm.inbox, telemetry=ring))), Reply(remarks=remarks)


def observations(world: World, vm: VirtualMachine, call: Call, context: Context) -> tuple[World, Reply]:
    """What the agent saw of host services."""
    try:
        seen = parse_observations(call.body)
    except MalformedDocument as error:
        return world, text(400, str(error))
    ring = vm.inbox.observations.append(*(Received(at=context.now, value=one) for one in seen))
    return world.with_vm(replace(vm, inbox=replace(vm.inbox, observations=ring))), Reply()
