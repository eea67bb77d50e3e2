"""What tests of the supervisor ask of a simulated appliance."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.appliance.simulation.invariants import ends_well, why_not

from limpet.appliance.show import SHOWN
from limpet.appliance.states import State

if TYPE_CHECKING:
    from tests.appliance.simulation.world import World

    from limpet.appliance.appliance import Appliance


def steady(world: World) -> World:
    world.live(1.0)
    world.reach(State.STEADY)
    world.live(3.0)
    world.states.clear()
    return world


def flows(world: World, within: float = 60.0) -> None:
    assert world.live(within, lambda: ends_well(world)), why_not(world) + "\n".join(world.story[-20:])


def visited(world: World) -> list[State]:
    return [state for _, state in world.states]


def appliance(world: World) -> Appliance:
    assert world.supervisor is not None
    return world.supervisor.appliance


def shown(world: World) -> dict[str, object]:
    found: dict[str, object] = json.loads(world.machine.files.read(SHOWN, at_most=1 << 20))
    return found
