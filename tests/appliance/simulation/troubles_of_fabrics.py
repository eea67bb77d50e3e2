"""What may happen on the platform's side."""

from __future__ import annotations

import random  # noqa: TID251, TC003 - seeded
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING

from tests.appliance.simulation.networks import GUEST, NOS

from limpet.guest.namespaces import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.appliance.simulation.world import World


def _silent(world: World, chance: random.Random) -> None:
    world.fabric.silent = world.time.monotonic() + chance.choice((2.0, 10.0, 40.0, 120.0, 400.0))


def _refusing(world: World, chance: random.Random) -> None:
    until = world.time.monotonic() + chance.choice((2.0, 10.0, 40.0, 120.0))
    world.fabric.refusing = (until, chance.choice((503, 503, 500, 429, 410, 404, 403, 401)))


def _dhcp_silent(world: World, chance: random.Random) -> None:
    world.fabric.dhcp_silent = world.time.monotonic() + chance.choice((10.0, 100.0, 400.0))


def _lease_changes(world: World, chance: random.Random) -> None:
    mac = chance.choice(tuple(world.fabric.leases))
    world.fabric.leases[mac] = IPv4Interface(f"10.{chance.randrange(1, 200)}.{chance.randrange(200)}.9/24")


def _dropped(world: World, chance: random.Random) -> None:
    """Somebody's rule drops packets without a word (F15)."""
    spaces = set(chance.choice(((GUEST,), (GUEST, NOS), (HOST,), (GUEST, NOS, HOST))))
    world.fabric.dropped |= spaces
    world.fabric.limit = chance.choice((3.0, 10.0, 60.0))
    world.time.after(
        chance.choice((3.0, 20.0, 90.0, 400.0)), lambda: world.fabric.dropped.difference_update(spaces)
    )


def _goal_state(world: World, chance: random.Random) -> None:
    """Where the real agent runs, somebody wants an extension, with other settings each time."""
    if world.real is not None:
        world.real.wish(chance.randrange(1 << 30), works=chance.random() < 0.8)


def _rotated(world: World, chance: random.Random) -> None:
    """Where the real agent runs, it gets another certificate."""
    if world.real is not None:
        world.real.rotate(retire=chance.random() < 0.5)


def _redeployed(world: World, chance: random.Random) -> None:
    """The VM goes to another host of the platform: another container, and its power was off; or it was live-migrated."""
    world.move_elsewhere()
    if chance.random() < 0.7:
        world.cut_power()


FABRIC_TROUBLES: Mapping[str, Callable[[World, random.Random], None]] = {
    "the fabric is silent": _silent,
    "the fabric refuses": _refusing,
    "packets are dropped": _dropped,
    "DHCP is silent": _dhcp_silent,
    "a lease changes": _lease_changes,
    "a goal state comes": _goal_state,
    "the certificate rotates": _rotated,
    "the VM is redeployed": _redeployed,
}
