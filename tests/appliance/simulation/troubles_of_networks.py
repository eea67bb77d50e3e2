"""What may happen to NICs and to the network OS."""

from __future__ import annotations

import random  # noqa: TID251, TC003 - seeded
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING

from tests.appliance.simulation.kernel_networks import KernelNetworks
from tests.appliance.simulation.networks import NOS
from tests.appliance.simulation.secret import SECRET
from tests.appliance.simulation.world import PRIMARY, SECOND, times

from limpet.guest.namespaces import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.appliance.simulation.world import World


def _refuse(world: World, chance: random.Random, verb: str) -> None:
    if isinstance(world.networks, KernelNetworks):
        _stays(world, world.networks, chance, verb)
    world.program.refuses[verb] = times(chance)
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


def _nic_added(world: World, chance: random.Random) -> None:
    number = world.added = world.added + 1
    mac = f"00:15:5d:00:01:{number:02x}"
    world.fabric.leases[mac] = IPv4Interface(f"10.250.{number}.4/24")
    world.networks.plug(_free(world, "eth{}"), mac, device=f"vmbus-{number}")
    if chance.random() < 0.2:
        world.time.after(chance.random() * 4, lambda: _out_and_in(world, mac, None))


def _vf_appears(world: World, chance: random.Random) -> None:
    mac = chance.choice((PRIMARY, SECOND))
    if world.networks.where(mac, vf=True) is None:
        world.networks.plug(_free(world, "enP{}s2"), mac, vf=True)
        if chance.random() < 0.3:
            world.time.after(chance.random() * 20, lambda: world.networks.unplug(mac, vf=True))


def _lies(world: World, chance: random.Random) -> None:
    del chance
    world.network_os.lies = True


def _defect(world: World, chance: random.Random) -> None:
    verb = chance.choice(("start", "claim", "release", "dress", "protect", "health", "revive", "stop"))
    world.network_os.defect[verb] = chance.choice((1, 1, 2, 6, 1000))


def _storm(world: World, chance: random.Random) -> None:
    for at in range(chance.randrange(20, 200)):
        world.time.after(at * 0.01, lambda: world.surroundings.waiting.add("link"))


def _slow(world: World, chance: random.Random) -> None:
    verb = chance.choice(("daemon", "claim", "dress", "release", "stop", "port"))
    world.program.slow[verb] = chance.choice((0.5, 5.0, 30.0))


def _free(world: World, name: str) -> str:
    return next(found for at in range(64) if world.networks.find(HOST, found := name.format(at)) is None)


def _nic_removed(world: World, chance: random.Random) -> None:
    """The platform takes out a NIC that is not the primary one; sometimes it comes back."""
    others = [mac for mac in world.fabric.leases if mac != PRIMARY and world.networks.where(mac)]
    if others:
        _out_and_in(world, chance.choice(others), chance.choice((None, 0.05, 2.0, 20.0)))


def _primary_replaced(world: World, chance: random.Random) -> None:
    """The host of the VM is serviced: the primary NIC is away for a while."""
    _out_and_in(world, PRIMARY, chance.choice((0.1, 1.0, 5.0, 30.0)))


def _out_and_in(world: World, mac: str, back: float | None) -> None:
    def plug() -> None:
        if world.networks.where(mac) is None:
            world.networks.plug(_free(world, "eth{}"), mac, device=f"vmbus-{mac[-2:]}")

    world.networks.unplug(mac, vf=True)
    world.networks.unplug(mac, vf=False)
    if back is None:
        world.fabric.leases.pop(mac)
    else:
        world.time.after(back, plug)


def _vf_goes(world: World, chance: random.Random) -> None:
    del chance
    for mac in (PRIMARY, SECOND):
        world.networks.unplug(mac, vf=True)


def _name_taken(world: World, chance: random.Random) -> None:
    """Somebody has a link of a NIC's name where the NIC is to go."""
    networks = world.networks
    if isinstance(networks, KernelNetworks) and NOS in networks.spaces:
        name = chance.choice(("eth0", "eth1"))
        if networks.find(NOS, name) is None:
            networks.network.add_bridge(name, NOS)


def _complains(world: World, chance: random.Random) -> None:
    """What the network OS complains of has a secret in it."""
    del chance
    world.program.complaint = f"see https://x.example/?{SECRET}"


NETWORK_TROUBLES: Mapping[str, Callable[[World, random.Random], None]] = {
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
    "the network OS complains with a secret": _complains,
    "rules and NAT are lost": _rules_lost,
    "the primary NIC is shut": _primary_bare,
    "the network OS lies about its health": _lies,
    "the driver has a bug": _defect,
    "a NIC is added": _nic_added,
    "a NIC is removed": _nic_removed,
    "the primary NIC is replaced": _primary_replaced,
    "a VF appears": _vf_appears,
    "a VF goes": _vf_goes,
    "a NIC's name is taken": _name_taken,
    "links storm": _storm,
}  # fmt: skip
