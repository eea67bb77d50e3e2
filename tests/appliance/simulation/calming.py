"""The end of all troubles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.appliance.simulation.guest_shell import GOOD

from limpet.appliance.guest.images import FACTORY
from limpet.appliance.guest.wanted import Wanted, wanted

if TYPE_CHECKING:
    from tests.appliance.simulation.world import World


def calm(world: World) -> None:
    """Nothing goes wrong any more."""
    now = world.time.monotonic()
    fabric = world.fabric
    fabric.silent, fabric.refusing, fabric.dhcp_silent = now, (now, 503), now
    fabric.dropped.clear()
    world.machine.files.rooms.clear()
    world.containers.stuffed = False
    if (
        world.machine.files.nodes.at(FACTORY[0]) is None
        or world.machine.files.nodes[FACTORY[0]].content != GOOD
    ):
        world.put(FACTORY[0], GOOD)
    world.children.starved = now
    world.journal.sick = 0
    world.program.refuses.clear()
    world.program.slow.clear()
    world.containers.refuses.clear()
    world.children.barren.clear()
    world.children.hung.clear()
    world.lock.until = now
    if wanted(world.machine.files) is Wanted.DISABLED:
        world.want(Wanted.ENABLED)
    world.containers.dies = world.containers.wedged = world.containers.mute = 0
    world.network_os.lies = False
    world.network_os.defect.clear()
    world.runtime.defect.clear()
    world.machine.files.full = world.journal.full = False
    if not world.wanted:
        world.start_again()
