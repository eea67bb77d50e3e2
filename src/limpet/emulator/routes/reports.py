"""What agents post to the wire server about their work: telemetry and observations. Source: wire-protocol.md §8, §9."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.emulator.exchange import Objection, Reply
from limpet.emulator.routes.context import text
from limpet.emulator.world.vm import Received
from limpet.model.errors import MalformedDocument
from limpet.wire.healthservice import MOST_OBSERVATIONS, NAME_LIMIT, TEXT_LIMIT, parse_observations
from limpet.wire.telemetry import parse_telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from limpet.emulator.exchange import Call
    from limpet.emulator.routes.context import Context
    from limpet.emulator.world.state import World
    from limpet.emulator.world.vm import VirtualMachine
    from limpet.model.health import Observation
    from limpet.model.telemetry import Event

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
    remarks = []
    if len(call.body) > LARGEST_TELEMETRY:
        remarks.append(f"the batch is larger than {LARGEST_TELEMETRY} bytes")
    kept = [event for event in events if _size(event) <= LARGEST_TELEMETRY]
    if len(kept) < len(events):
        remarks.append(f"{len(events) - len(kept)} events are larger than that each and are not kept")
    ring = vm.inbox.telemetry.append(*(Received(at=context.now, value=event) for event in kept))
    return world.with_vm(replace(vm, inbox=replace(vm.inbox, telemetry=ring))), Reply(remarks=tuple(remarks))


def _size(event: Event) -> int:
    return len(event.provider) + sum(len(name) + len(str(value)) for name, value in event.parameters)


def observations(world: World, vm: VirtualMachine, call: Call, context: Context) -> tuple[World, Reply]:
    """What the agent saw of host services."""
    try:
        seen = parse_observations(call.body)
    except MalformedDocument as error:
        return world, text(400, str(error))
    objections = tuple(Objection(status=400, message=problem) for problem in _too_much(seen))
    ring = vm.inbox.observations.append(
        *(Received(at=context.now, value=_cut(one)) for one in seen[:MOST_OBSERVATIONS])
    )
    world = world.with_vm(replace(vm, inbox=replace(vm.inbox, observations=ring)))
    return world, Reply(objections=objections)


def _too_much(seen: Sequence[Observation]) -> Iterator[str]:
    """What is beyond the service's limits. Source: wire-protocol.md §9."""
    if len(seen) > MOST_OBSERVATIONS:
        yield f"{len(seen)} observations are more than {MOST_OBSERVATIONS}"
    for one in seen[:MOST_OBSERVATIONS]:
        if one != _cut(one):
            yield f"the observation {one.name[:NAME_LIMIT]} has a text that is too long"


def _cut(one: Observation) -> Observation:
    return replace(
        one,
        name=one.name[:NAME_LIMIT],
        description=one.description[:TEXT_LIMIT],
        value=one.value[:TEXT_LIMIT],
    )
