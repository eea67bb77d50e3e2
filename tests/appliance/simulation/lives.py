"""One life of an appliance by a seed: troubles strike, then it is calm, then it must have ended well."""

from __future__ import annotations

import random  # noqa: TID251 - seeded
from dataclasses import dataclass, field
from functools import cache

from tests.appliance.simulation.calming import calm
from tests.appliance.simulation.invariants import broken, ends_well, is_held, is_steady, why_not
from tests.appliance.simulation.networks import GUEST
from tests.appliance.simulation.real_stages import RealStages
from tests.appliance.simulation.troubles import Trouble, drawn, strike
from tests.appliance.simulation.world import World
from tests.scenario.handlers import package

from limpet.appliance.journal import COMPACT_FROM, Record, render_record
from limpet.appliance.states import State

LONG = 60.0
"""How long troubles may strike, virtual seconds."""
PATIENCE = 3000.0
"""How long an appliance may take to end well once it is calm: pauses between tries grow to ten minutes."""
REAL, FORWARDING, OLD, SHUT = 3, 7, 9, 16
"""In a tenth of the lives the real boot stage and the real agent run, with the emulator's core as the fabric; in another one
only the guest shell and the fabric make trouble, and the network OS goes on forwarding; in a third one the journal is an old one, and
about as large as it may be. In a twentieth the guest shell never reaches the fabric: every handover must be taken back."""
LASTS, SILENT = 60.0, 25.0
"""In a part of the lives it is looked for so long whether it stays well: no longer than that without a report, virtual seconds."""


@dataclass
class Life:
    """seed: says everything. story, problems: what happened, and what was wrong. recovery: from calm to well, seconds."""

    seed: int
    story: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    end: str = ""
    recovery: float = 0.0
    seconds: float = 0.0


def lived(seed: int) -> Life:  # noqa: C901 - one after the other
    """Live it."""
    chance = random.Random(seed)
    world = World(
        seed=seed,
        nics=chance.choice((1, 2, 2, 3)),
        late=chance.random() < 0.15,
        kernel=seed % 5 == 0,
        forwarding=seed % 10 == FORWARDING,
    )
    life = Life(seed)
    if seed % 10 == OLD:
        world.journal.content = _of_years()
    try:
        if seed % 20 == SHUT:
            world.fabric.shut = GUEST
        if seed % 10 == REAL:
            real = RealStages(world)
            real.core.host(package())
            for number in range(chance.choice((1, 1, 2, 5))):
                world.time.after(chance.random() * 20.0, lambda number=number: real.wish(number, works=True))  # type: ignore[misc]
        _struck(world, chance, drawn(chance, forwarding=world.forwarding, real=world.real is not None))
        world.tell("calm")
        world.battery.left = None
        calm(world)
        began = world.time.monotonic()
        well = world.live(PATIENCE, lambda: ends_well(world))
        life.recovery = world.time.monotonic() - began
        if well and world.fabric.shut is not None:
            world.tell("it must give up in the end, and be reachable")
            well = world.live(2 * PATIENCE, lambda: is_held(world))
            for child in world.children.started:
                child.kill()  # whatever ends, it is said again why
        elif well and world.state is not State.STEADY:
            world.tell("it must be steady in the end, when all tries were in vain at an operator's word")
            well = world.live(PATIENCE, lambda: is_steady(world) or is_held(world))
            if is_held(world):
                world.wish("retry")
                well = world.live(PATIENCE, lambda: is_steady(world))
        if well and seed % 4 == 0:
            # One that hangs is given its two minutes.
            silent = SILENT + 2.0 * (world.containers.starting + world.containers.loading)
            well = not world.live(LASTS, lambda: world.since_status > silent and not world.containers.hangs)
        world.live(1.0)  # the journal is written as soon as there is room
        life.problems += broken(world)
        if not well:
            life.problems.append(f"it does not end well: {why_not(world)}")
    except Exception as error:  # noqa: BLE001 - a defect, to be told with its seed
        life.problems += [f"{error!r}", *broken(world)]
    finally:
        life.story = [f"{world.nics} NICs, Ready {'late' if world.late else 'early'}", *world.story]
        life.end = world.state.value if world.state else "nothing"
        life.seconds = world.time.monotonic() - 1000.0
        world.close()
    return life


@cache
def _of_years() -> bytes:
    """A journal that will have to be made small soon."""
    lines: list[bytes] = []
    size, number = 0, 1
    while size < COMPACT_FROM - 1000:
        facts = {"state": State.RESCUE.value, "event": "retry", "problem": "x" * (number % 200)}
        lines.append(
            render_record(Record(number=number, at=1.7e9, boot="long-ago", kind="state", facts=facts))
        )
        size, number = size + len(lines[-1]), number + 1
    return b"".join(lines)


def _struck(world: World, chance: random.Random, troubles: list[Trouble]) -> None:
    waiting = list(troubles)
    time = world.time
    end = time.monotonic() + 5.0 + chance.random() * LONG
    for each in troubles:
        if each.state is None:
            waiting.remove(each)
            world.time.after(each.delay, lambda name=each.name: struck(name))  # type: ignore[misc]

    def struck(name: str) -> None:
        if time.monotonic() <= end:
            strike(world, name, chance)

    def entered(state: object) -> None:
        for each in [each for each in waiting if each.state is state]:
            waiting.remove(each)
            world.time.after(each.delay, lambda name=each.name: struck(name))  # type: ignore[misc]

    world.heard = entered
    world.live(end - time.monotonic())
    world.heard = lambda _: None
