"""A story told again and again, each time with the power cut, or the supervisor killed, one change later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.appliance.simulation.calming import calm
from tests.appliance.simulation.invariants import broken, ends_well, why_not
from tests.appliance.simulation.world import World

from limpet.appliance.states import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Story = "Callable[[World], None]"
"""Prepares what shall go wrong, and lives through it."""


def points(story: Callable[[World], None], **world: object) -> int:
    """How many changes there are in a story."""
    played = World(**world)  # type: ignore[arg-type]
    try:
        story(played)
        return played.battery.spent
    finally:
        played.close()


def crashed(
    story: Callable[[World], None], at: int, *, kill: bool = False, torn: int = 0, **members: object
) -> Iterator[str]:
    """Play it with a crash before change `at`; gives what is wrong afterwards. torn: bytes of a journal line that still arrive."""
    world = World(**members)  # type: ignore[arg-type]
    try:
        world.journal.tears = torn
        if kill:
            world.battery.of = frozenset({"supervisor"})
            world.battery.cut = world.kill_supervisor
        world.battery.left = at
        story(world)
        world.battery.left = None
        calm(world)
        well = world.live(900.0, lambda: ends_well(world) and world.state is not State.BOOTING)
        found = broken(world)
        if not well:
            found.append(f"it does not end well: {why_not(world)}")
        for each in found:
            yield f"change {at}{' (killed)' if kill else ''}: {each}\n" + "\n".join(world.story[-40:])
    finally:
        world.close()
