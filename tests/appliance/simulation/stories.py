"""Stories that are told again and again with a crash one change later: what an appliance does when all or something goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.appliance.simulation.networks import NOS
from tests.appliance.simulation.troubles import SECOND
from tests.appliance.simulation.world import PRIMARY, VM_IDS

from limpet.appliance.guest.contract import STORE
from limpet.appliance.guest.slots import DOCUMENT, FILE, RECORD, Image, Slots, render_image, render_slots
from limpet.appliance.states import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.appliance.simulation.world import World


def _until(world: World, *states: State, within: float = 90.0) -> bool:
    """Live until it is in one of these states; a crash meanwhile ends the wait."""
    crashes = (world.cuts, world.supervisors)

    def over() -> bool:
        return world.state in states or (world.cuts, world.supervisors) > crashes

    world.live(within, over)
    return (world.cuts, world.supervisors) == crashes


def steady(world: World) -> None:
    """Boot, handover, and a while in which DHCP goes on."""
    world.live(1.5)
    if _until(world, State.STEADY):
        world.live(6.0)


def rolled_back(world: World) -> None:
    """The primary NIC refuses: everything is taken back, and tried again."""
    world.program.refuses[f"claim {PRIMARY}"] = 1
    world.live(1.5)
    if _until(world, State.RESCUE) and _until(world, State.STEADY):
        world.live(2.0)


def network_os_killed(world: World) -> None:
    """Its daemon dies in steady; the data plane stays."""
    steady(world)
    world.program.daemon = False
    world.networks.lose_rules(nat=False)
    world.live(6.0)


def namespace_gone(world: World) -> None:
    """The network OS's namespace goes, and every NIC comes back to Linux bare."""
    steady(world)
    world.program.daemon = False
    world.networks.vanish(NOS)
    world.live(4.0)
    _until(world, State.STEADY)


def guest_killed(world: World) -> None:
    """The guest shell dies three times: in the end its root file system is made anew."""
    steady(world)
    world.containers.dies = 2
    world.containers.die("killed: out of memory")
    world.live(12.0)


def guest_given_up(world: World) -> None:
    """It dies at every start: a status-only agent stands in its place, until an operator wants it tried again."""
    steady(world)
    world.containers.dies = 7
    world.containers.die("killed: out of memory")
    if _until(world, State.DEGRADED):
        world.live(4.0)
        world.containers.dies = 0
        world.wish("retry")
        world.live(4.0)


def upgraded(world: World) -> None:
    """A new image is put in place and tried at the next start of the guest shell (A/B)."""
    steady(world)
    path = STORE / "images" / "b" / FILE
    world.put(path, b"squashfs")
    world.put(path.parent / RECORD, render_image(Image(path=path, digest="0" * 64, size=8)))
    tried = Slots(tried="b", boot=f"boot-{world.boots}")
    world.put(STORE / "images" / DOCUMENT, render_slots(tried))
    world.containers.die("ended for an upgrade")
    world.live(8.0)


def nic_added(world: World) -> None:
    """A NIC and a virtual function come while the guest shell talks."""
    from ipaddress import IPv4Interface  # noqa: PLC0415

    steady(world)
    mac = "00:15:5d:00:01:09"
    world.fabric.leases[mac] = IPv4Interface("10.250.9.4/24")
    world.networks.plug("eth9", mac, device="vmbus-9")
    world.live(4.0)
    world.networks.plug("enP1s2", SECOND, vf=True)
    world.live(4.0)


def cloned(world: World) -> None:
    """The disk is another VM's at the next start: nothing of the first one's guest shell may be kept."""
    steady(world)
    world.identify(VM_IDS[1])
    world.restart()
    _until(world, State.STEADY)
    world.live(2.0)


def lease_changed(world: World) -> None:
    """The primary address is another one from the next look at DHCP on."""
    from ipaddress import IPv4Interface  # noqa: PLC0415

    world.setting(lease_period=5.0)
    steady(world)
    world.fabric.leases[PRIMARY] = IPv4Interface("10.99.0.8/24")
    world.live(14.0)


STORIES: Mapping[str, Callable[[World], None]] = {
    each.__name__: each
    for each in (
        steady,
        rolled_back,
        network_os_killed,
        namespace_gone,
        guest_killed,
        guest_given_up,
        upgraded,
        nic_added,
        cloned,
        lease_changed,
    )
}

WITH_THE_KERNEL = (
    "steady",
    "namespace_gone",
    "guest_killed",
    "nic_added",
    "cloned",
    "lease_changed",
    "upgraded",
)
"""Those that can be told with the real driver of the embedded network OS, too."""
