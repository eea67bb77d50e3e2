"""What may happen to the machine, to the supervisor and its programs, and to what they remember."""

from __future__ import annotations

import random  # noqa: TID251, TC003 - seeded
from typing import TYPE_CHECKING

from tests.appliance.simulation import operators
from tests.appliance.simulation.world import VM_IDS, times

from limpet.appliance.guest.contract import STORE
from limpet.appliance.guest.slots import DOCUMENT
from limpet.appliance.guest.wanted import WANTED
from limpet.guest.fabric_lease import EXCHANGE, GRANT
from limpet.guest.lease import SAVED_LEASE
from limpet.guest.saying import SAYING
from limpet.guest.shell_brief import BRIEF
from limpet.host.fake_devices import by_the_kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.appliance.simulation.world import World


def _cloned(world: World, chance: random.Random) -> None:
    del chance
    world.identify(
        VM_IDS[1] if world.vm_id == VM_IDS[0] else f"555{world.boots:05x}-dbf4-54c0-80cc-727d1dbed7a5"
    )
    world.move_elsewhere()
    world.cut_power()


def _power_cut(world: World, chance: random.Random) -> None:
    world.journal.tears = chance.randrange(200)
    world.cut_power()


def _power_cut_soon(world: World, chance: random.Random) -> None:
    world.journal.tears = chance.randrange(200)
    world.battery.left = chance.randrange(40)


def _killed(world: World, chance: random.Random) -> None:
    world.kill_supervisor(restart=chance.choice((0.2, 2.0, 30.0)))


def _clock_jumps(world: World, chance: random.Random) -> None:
    world.time.step(chance.choice((-86400.0, -300.0, -3.0, 3.0, 300.0, 86400.0 * 365)))


def _disk_full(world: World, chance: random.Random) -> None:
    journal_only = chance.random() < 0.5
    world.journal.full = True
    world.machine.files.full = not journal_only

    def room() -> None:
        world.journal.full = world.machine.files.full = False

    world.time.after(chance.choice((0.5, 5.0, 60.0, 200.0)), room)


def _stopped(world: World, chance: random.Random) -> None:
    world.stop_supervisor()
    world.time.after(chance.choice((1.0, 10.0, 60.0)), world.start_again)


def _status_dies(world: World, chance: random.Random) -> None:
    del chance
    for child in world.children.started:
        if child.module == "limpet.agent.main":
            child.kill()


PROGRAMS = (
    "limpet.boot.main",
    "limpet.agent.main",
    "limpet.agent.main",
    "limpet.appliance.workers.probe",
    "limpet.appliance.workers.dhcp",
)


def _barren(world: World, chance: random.Random) -> None:
    world.children.barren[chance.choice(PROGRAMS)] = times(chance)


def _hung(world: World, chance: random.Random) -> None:
    world.children.hung[chance.choice(PROGRAMS[1:])] = times(chance)


def _deaf(world: World, chance: random.Random) -> None:
    del chance
    for child in world.children.started:
        if child.module == "limpet.agent.main":
            child.asked = lambda: None


def _damaged(world: World, chance: random.Random) -> None:
    content = bytearray(world.journal.content)
    if content and chance.random() < 0.5:
        content[chance.randrange(len(content))] ^= 0x41
    else:
        del content[chance.randrange(len(content) + 1) :]
    world.cut_power()
    world.journal.content = bytes(content)


def _swept(world: World, chance: random.Random) -> None:
    del chance
    with by_the_kernel(world.machine.files):
        world.machine.files.remove(EXCHANGE)


def _shut_down(world: World, chance: random.Random) -> None:
    """An operator restarts the machine in good order."""
    del chance
    world.shut_down()


def _wrong_clock(world: World, chance: random.Random) -> None:
    """The machine starts with another date, which time synchronisation corrects later."""
    off = chance.choice((-1.7e9, -86400.0 * 365, 86400.0 * 3650))
    world.cut_power()
    world.time.step(off)
    world.time.after(20.0 + chance.choice((0.5, 5.0, 60.0)), lambda: world.time.step(-off))


def _child_killed(world: World, chance: random.Random) -> None:
    """SIGKILL for one of the supervisor's programs."""
    living = [child for child in world.children.started if child.ended() is None]
    if living:
        chance.choice(living).kill()


def _starved(world: World, chance: random.Random) -> None:
    """No program can be started for a while."""
    world.children.starved = world.time.monotonic() + chance.choice((0.5, 5.0, 40.0))


def _sick_journal(world: World, chance: random.Random) -> None:
    """The disk gives nothing of the journal back."""
    world.journal.sick = chance.choice((1, 1, 3))
    if chance.random() < 0.5:
        world.cut_power()
    else:
        world.kill_supervisor()


IN_MEMORY = (EXCHANGE / GRANT, EXCHANGE / BRIEF, EXCHANGE / SAYING, EXCHANGE / "wish")
ON_DISK = (SAVED_LEASE, STORE / "images" / DOCUMENT, STORE / WANTED)


def _file_damaged(world: World, chance: random.Random) -> None:
    """One of the files by which the stages meet, or what is kept beside the journal."""
    path = chance.choice((*IN_MEMORY, *ON_DISK))
    node = world.machine.files.nodes.at(path)
    if node is None or node.content is None:
        return
    content = chance.choice((b"", b"\0" * 64, node.content[: len(node.content) // 2], b"[[]]", b"null\n"))
    world.put(path, content)
    world.promised = None
    world.surroundings.waiting.add("wish")


def _renamed(world: World, chance: random.Random) -> None:
    world.machine.kernel.name = f"router-{chance.randrange(100)}"


MACHINE_TROUBLES: Mapping[str, Callable[[World, random.Random], None]] = {
    "the disk is cloned": _cloned,
    "the power is cut": _power_cut,
    "the power is cut at a change": _power_cut_soon,
    "the machine is restarted in order": _shut_down,
    "the machine starts with a wrong clock": _wrong_clock,
    "the supervisor is killed": _killed,
    "the clock jumps": _clock_jumps,
    "the disk is full": _disk_full,
    "the service is stopped": _stopped,
    "an operator wants a retry": lambda world, _: world.wish("retry"),
    "an operator wants what is not known": lambda world, _: world.wish("\x7f rm -rf / \xe9 retrY"),
    "an operator starts a stage by hand": lambda world, _: operators.stage_by_hand(world),
    "the host has another name": _renamed,
    "the status-only agent dies": _status_dies,
    "a program cannot be started": _barren,
    "no program can be started": _starved,
    "a program hangs": _hung,
    "a program is killed": _child_killed,
    "who talks to the fabric cannot be killed": lambda world, chance: setattr(
        world.lock, "until", world.time.monotonic() + chance.choice((3.0, 12.0, 100.0))
    ),
    "the status-only agent is deaf": _deaf,
    "the journal is damaged while the power is off": _damaged,
    "the journal cannot be read": _sick_journal,
    "a file is damaged": _file_damaged,
    "what is in /run is removed": _swept,
}  # fmt: skip
