"""What may happen to an appliance, drawn by a seed: each trouble has a moment, a name for the story, and what it does."""

from __future__ import annotations

import random  # noqa: TID251, TC003 - seeded
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.appliance.simulation.invariants import SECRET
from tests.appliance.simulation.kernel_networks import KernelNetworks
from tests.appliance.simulation.networks import NOS
from tests.appliance.simulation.world import PRIMARY, VM_IDS

from limpet.appliance.guest.images import FACTORY
from limpet.appliance.guest.wanted import Wanted
from limpet.appliance.states import State
from limpet.guest.fabric_lease import EXCHANGE
from limpet.host.fake_devices import by_the_kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.appliance.simulation.world import World

SECOND = "00:15:5d:00:00:02"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """state: in which it strikes, after `delay` seconds there; None for `delay` seconds from the beginning."""

    name: str
    state: State | None
    delay: float


def drawn(chance: random.Random) -> list[Trouble]:
    """The troubles of one life."""
    count = chance.choice((0, 1, 1, 2, 2, 3, 4))
    return [
        Trouble(
            name=chance.choice(tuple(TROUBLES)),
            state=chance.choice(STATES),
            delay=chance.choice((0.0, 0.0, chance.random() * 0.3, chance.random() * 3, chance.random() * 15)),
        )
        for _ in range(count)
    ]


STATES = (
    None,
    None,
    State.BOOTING,
    State.PREPARING,
    State.PREPARING,
    State.HANDING_OVER,
    State.CONFIRMING,
    State.STEADY,
    State.STEADY,
    State.STEADY,
    State.REPAIRING,
    State.DEGRADED,
    State.ROLLING_BACK,
    State.RESCUE,
)


def strike(world: World, name: str, chance: random.Random) -> None:
    """Let it happen."""
    world.tell(f"trouble: {name}")
    TROUBLES[name](world, chance)


def _times(chance: random.Random) -> int:
    return chance.choice((1, 1, 2, 3, 5, 8, 1000))


def _refuse(world: World, chance: random.Random, verb: str) -> None:
    if isinstance(world.networks, KernelNetworks):
        _stays(world, world.networks, chance, verb)
    world.program.refuses[verb] = _times(chance)
    if chance.random() < 0.3:
        world.program.half.add(verb.partition(" ")[0])


def _stays(world: World, networks: KernelNetworks, chance: random.Random, verb: str) -> None:
    """The kernel refuses to move a NIC for a while."""
    found = networks.where(verb.partition(" ")[2])
    if found is not None:
        found[1].stays = "Device or resource busy"
        world.time.after(chance.choice((1.0, 8.0, 60.0)), lambda: setattr(found[1], "stays", None))


def _nos_gone(world: World, chance: random.Random) -> None:
    del chance
    world.program.daemon = False
    world.networks.vanish(NOS)


def _nos_dies_in_move(world: World, chance: random.Random) -> None:
    def gone() -> None:
        world.program.after_move = lambda: None
        _nos_gone(world, chance)

    world.program.after_move = gone


def _daemon_dies(world: World, chance: random.Random) -> None:
    world.program.daemon = False
    if chance.random() < 0.3:
        _refuse(world, chance, "daemon")


def _flapping(world: World, chance: random.Random) -> None:
    for at in range(chance.randrange(2, 12)):
        world.time.after(at * 1.3, lambda: setattr(world.program, "daemon", False))


def _rules_lost(world: World, chance: random.Random) -> None:
    world.networks.lose_rules(nat=chance.random() < 0.5)


def _primary_bare(world: World, chance: random.Random) -> None:
    del chance
    world.networks.bare(PRIMARY)


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
        world.time.after(back, lambda: world.put(FACTORY[0], b"squashfs"))


def _silent(world: World, chance: random.Random) -> None:
    world.fabric.silent = world.time.monotonic() + chance.choice((2.0, 10.0, 40.0, 120.0, 400.0))


def _refusing(world: World, chance: random.Random) -> None:
    until = world.time.monotonic() + chance.choice((2.0, 10.0, 40.0, 120.0))
    world.fabric.refusing = (until, chance.choice((503, 410, 429)))


def _dhcp_silent(world: World, chance: random.Random) -> None:
    world.fabric.dhcp_silent = world.time.monotonic() + chance.choice((10.0, 100.0, 400.0))


def _lease_changes(world: World, chance: random.Random) -> None:
    from ipaddress import IPv4Interface  # noqa: PLC0415

    mac = chance.choice(tuple(world.fabric.leases))
    world.fabric.leases[mac] = IPv4Interface(f"10.{chance.randrange(1, 200)}.{chance.randrange(200)}.9/24")


def _nic_added(world: World, chance: random.Random) -> None:
    from ipaddress import IPv4Interface  # noqa: PLC0415

    number = len(world.fabric.leases) + 1
    mac = f"00:15:5d:00:01:{number:02x}"
    world.fabric.leases[mac] = IPv4Interface(f"10.250.{number}.4/24")
    free = next(name for at in range(64) if world.networks.find("", name := f"eth{at}") is None)
    world.networks.plug(free, mac, device=f"vmbus-{number}")
    if chance.random() < 0.2:
        world.time.after(chance.random() * 4, lambda: world.networks.unplug(mac, vf=False))


def _vf_appears(world: World, chance: random.Random) -> None:
    mac = chance.choice((PRIMARY, SECOND))
    if world.networks.where(mac, vf=True) is None:
        free = next(name for at in range(64) if world.networks.find("", name := f"enP{at}s2") is None)
        world.networks.plug(free, mac, vf=True)
        if chance.random() < 0.3:
            world.time.after(chance.random() * 20, lambda: world.networks.unplug(mac, vf=True))


def _cloned(world: World, chance: random.Random) -> None:
    del chance
    world.identify(
        VM_IDS[1] if world.vm_id == VM_IDS[0] else f"555{world.boots:05x}-dbf4-54c0-80cc-727d1dbed7a5"
    )
    world.container_id = f"container-{world.boots}"
    _restarts(world)


def _power_cut(world: World, chance: random.Random) -> None:
    world.journal.tears = chance.randrange(200)
    _restarts(world)


def _power_cut_soon(world: World, chance: random.Random) -> None:
    world.journal.tears = chance.randrange(200)
    world.battery.left = chance.randrange(40)


def _restarts(world: World) -> None:
    world.battery.left = None
    world.power_off()
    world.time.after(20.0, world.power_on)


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


def _lies(world: World, chance: random.Random) -> None:
    del chance
    world.network_os.lies = True


def _defect(world: World, chance: random.Random) -> None:
    verb = chance.choice(("start", "claim", "release", "dress", "protect", "health", "revive", "stop"))
    world.network_os.defect[verb] = chance.choice((1, 1, 2, 6, 1000))


def _runtime_defect(world: World, chance: random.Random) -> None:
    world.runtime.defect[chance.choice(("look", "prepare", "start", "stop", "reset"))] = chance.choice(
        (1, 2, 1000)
    )


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
    world.children.barren[chance.choice(PROGRAMS)] = _times(chance)


def _hung(world: World, chance: random.Random) -> None:
    world.children.hung[chance.choice(PROGRAMS[1:])] = _times(chance)


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
    _restarts(world)
    world.journal.content = bytes(content)


def _swept(world: World, chance: random.Random) -> None:
    del chance
    with by_the_kernel(world.machine.files):
        world.machine.files.remove(EXCHANGE)


def _storm(world: World, chance: random.Random) -> None:
    for at in range(chance.randrange(20, 200)):
        world.time.after(at * 0.01, lambda: world.surroundings.waiting.add("link"))


def _slow(world: World, chance: random.Random) -> None:
    verb = chance.choice(("daemon", "claim", "dress", "release", "stop", "port"))
    world.program.slow[verb] = chance.choice((0.5, 5.0, 30.0))


TROUBLES: Mapping[str, Callable[[World, random.Random], None]] = {
    "a NIC refuses to move": lambda world, chance: _refuse(world, chance, f"claim {chance.choice((PRIMARY, SECOND))}"),
    "a NIC refuses to come back": lambda world, chance: _refuse(world, chance, f"release {chance.choice((PRIMARY, SECOND))}"),
    "an address is refused": lambda world, chance: _refuse(world, chance, "dress"),
    "the network OS does not start": lambda world, chance: _refuse(world, chance, "daemon"),
    "the guest port cannot be made": lambda world, chance: _refuse(world, chance, "port"),
    "the network OS does not stop": lambda world, chance: _refuse(world, chance, "stop"),
    "the rules are refused": lambda world, chance: _refuse(world, chance, "protect"),
    "the network OS is slow": _slow,
    "the network OS's namespace is gone": _nos_gone,
    "the network OS dies between two moves": _nos_dies_in_move,
    "the network OS's daemon dies": _daemon_dies,
    "the network OS's daemon flaps": _flapping,
    "rules and NAT are lost": _rules_lost,
    "the primary NIC is shut": _primary_bare,
    "the network OS lies about its health": _lies,
    "the driver has a bug": _defect,
    "the runtime has a bug": _runtime_defect,
    "the guest dies": _guest_dies,
    "the guest does not start": lambda world, chance: world.containers.refuses.update(start=_times(chance)),
    "the guest does not stop": lambda world, chance: world.containers.refuses.update(stop=_times(chance)),
    "the guest's agent dies": lambda world, _: world.containers.kill_agent(),
    "the guest's agent is wedged": _wedged,
    "the guest's agent does not start": _mute,
    "the image is missing": _image_missing,
    "the fabric is silent": _silent,
    "the fabric refuses": _refusing,
    "DHCP is silent": _dhcp_silent,
    "a lease changes": _lease_changes,
    "a NIC is added": _nic_added,
    "a VF appears": _vf_appears,
    "the disk is cloned": _cloned,
    "the power is cut": _power_cut,
    "the power is cut at a change": _power_cut_soon,
    "the supervisor is killed": _killed,
    "the clock jumps": _clock_jumps,
    "the disk is full": _disk_full,
    "the service is stopped": _stopped,
    "an operator wants a retry": lambda world, _: world.wish("retry"),
    "the status-only agent dies": _status_dies,
    "links storm": _storm,
    "a program cannot be started": _barren,
    "a program hangs": _hung,
    "who talks to the fabric cannot be killed": lambda world, chance: setattr(
        world.lock, "until", world.time.monotonic() + chance.choice((3.0, 12.0, 100.0))
    ),
    "the status-only agent is deaf": _deaf,
    "an operator disables the guest shell": lambda world, _: world.want(Wanted.DISABLED),
    "an operator enables the guest shell": lambda world, _: world.want(Wanted.ENABLED),
    "the journal is damaged while the power is off": _damaged,
    "what is in /run is removed": _swept,
}  # fmt: skip
