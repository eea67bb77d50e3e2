"""What may happen to the guest shell, by itself, by its image, or by operators."""

from __future__ import annotations

import random  # noqa: TID251, TC003 - seeded
from typing import TYPE_CHECKING

from tests.appliance.simulation import operators
from tests.appliance.simulation.guest_shell import BAD, GOOD, VOLUME
from tests.appliance.simulation.secret import SECRET
from tests.appliance.simulation.world import times

from limpet.appliance.guest.images import FACTORY
from limpet.appliance.guest.wanted import Wanted
from limpet.guest.agent_news import NEWS
from limpet.guest.fabric_lease import EXCHANGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.appliance.simulation.world import World


def _guest_dies(world: World, chance: random.Random) -> None:
    world.containers.dies = chance.choice((0, 0, 1, 2, 4, 7, 12))
    world.containers.die(f"killed: out of memory https://x.example/?{SECRET}")


def _wedged(world: World, chance: random.Random) -> None:
    world.containers.wedged = chance.choice((1, 1, 2))
    world.containers.kill_agent()


def _mute(world: World, chance: random.Random) -> None:
    world.containers.mute = chance.choice((1, 2, 6))
    world.containers.kill_agent()


def _image_missing(world: World, chance: random.Random) -> None:
    back = chance.choice((10.0, 100.0, 400.0))
    content = world.machine.files.nodes.pop(FACTORY[0], None)
    if content is not None:
        world.containers.die("its root file system is gone")
        world.time.after(back, lambda: world.put(FACTORY[0], GOOD))


def runtime_defect(world: World, chance: random.Random) -> None:
    world.runtime.defect[chance.choice(("look", "prepare", "start", "stop", "reset"))] = chance.choice(
        (1, 2, 1000)
    )


def _image_damaged(world: World, chance: random.Random) -> None:
    """Bits of the image in use have changed: what is started from it does not work."""
    path = world.containers.image or FACTORY[0]
    if world.machine.files.info(path) is None:
        return
    world.put(path, chance.choice(BAD))
    world.containers.die("its root file system is corrupt")
    if path == FACTORY[0]:
        world.time.after(chance.choice((10.0, 100.0)), lambda: world.put(path, GOOD))


def _slow(world: World, chance: random.Random) -> None:
    """A slow machine."""
    world.containers.starting = chance.choice((0.0, 1.0, 8.0, 19.0))
    world.containers.loading = chance.choice((0.3, 5.0, 20.0))


def _full(world: World, chance: random.Random) -> None:
    """The guest fills its volume; what makes room inside works, or does not."""
    world.machine.files.rooms[VOLUME] = 1 << 20
    world.containers.stuffed = chance.random() < 0.5


RUBBISH = (
    b"",
    b"{",
    b"[" * 100_000,
    b"\xff\xfe\x00",
    b"null",
    b'{"version": 1, "epoch": 1e999}',
    b'{"version": 1, "epoch": "1", "first": [], "last": {}, "code": "x"}',
    b'{"version": 1, "epoch": %d, "first": 1e308, "last": -1e308, "code": 10, "problem": 5}' % (1 << 70),
    b"x" * (4 << 20),
)


def _rubbish(world: World, chance: random.Random) -> None:
    """The guest may write what it likes where its agent tells of itself."""
    for at in range(chance.choice((1, 1, 5, 40))):
        content = chance.choice(RUBBISH)
        world.time.after(at * 0.3, lambda content=content: world.put(EXCHANGE / NEWS, content))  # type: ignore[misc]


def _upgraded(world: World, chance: random.Random) -> None:
    """An operator has an image tried that works, or one that does not; the guest shell is started anew with it."""
    operators.upgrade(world, chance.choice((GOOD, GOOD, *BAD)))


GUEST_TROUBLES: Mapping[str, Callable[[World, random.Random], None]] = {
    "the guest dies": _guest_dies,
    "the guest does not start": lambda world, chance: world.containers.refuses.update(start=times(chance)),
    "the guest does not stop": lambda world, chance: world.containers.refuses.update(stop=times(chance)),
    "the guest cannot be mounted": lambda world, chance: world.containers.refuses.update(mount=times(chance)),
    "the guest's agent dies": lambda world, _: world.containers.kill_agent(),
    "the guest's agent is wedged": _wedged,
    "the guest's agent does not start": _mute,
    "the guest's volume is full": _full,
    "the guest writes rubbish": _rubbish,
    "the guest starts slowly": _slow,
    "the image is missing": _image_missing,
    "the image is damaged": _image_damaged,
    "an operator disables the guest shell": lambda world, _: world.want(Wanted.DISABLED),
    "an operator enables the guest shell": lambda world, _: world.want(Wanted.ENABLED),
    "an operator stops the guest shell by command": lambda world, _: operators.disable(world),
    "an operator starts the guest shell by command": lambda world, _: operators.enable(world),
    "an operator upgrades the guest shell": _upgraded,
    "an operator destroys the guest shell": lambda world, chance: operators.destroy(
        world, everything=chance.random() < 0.5
    ),
}
