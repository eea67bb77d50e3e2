"""What may happen to an appliance, drawn by a seed: each trouble has a moment, a name for the story, and what it does.

The failures F1 to F16 of network-appliance.md §8.4, its reboot table (§8.5), and what operators do.
"""

from __future__ import annotations

import random  # noqa: TID251, TC003 - seeded
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.appliance.simulation.troubles_of_fabrics import FABRIC_TROUBLES
from tests.appliance.simulation.troubles_of_guests import GUEST_TROUBLES, runtime_defect
from tests.appliance.simulation.troubles_of_machines import MACHINE_TROUBLES
from tests.appliance.simulation.troubles_of_networks import NETWORK_TROUBLES
from tests.appliance.simulation.world import SECOND

from limpet.appliance.states import State

if TYPE_CHECKING:
    from tests.appliance.simulation.world import World

__all__ = ["SECOND", "TROUBLES", "Trouble", "drawn", "strike"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """state: in which it strikes, after `delay` seconds there; None for `delay` seconds from the beginning."""

    name: str
    state: State | None
    delay: float


TROUBLES = {
    "the runtime has a bug": runtime_defect,
    **NETWORK_TROUBLES,
    **GUEST_TROUBLES,
    **FABRIC_TROUBLES,
    **MACHINE_TROUBLES,
}
_NAMES = tuple(TROUBLES)
_FAR_FROM_FORWARDING = (
    *GUEST_TROUBLES,
    "the fabric is silent",
    "the fabric refuses",
    "packets are dropped",
    "DHCP is silent",
)
_OF_THE_REAL = (
    *_NAMES,
    *(
        "a goal state comes",
        "the certificate rotates",
        "the VM is redeployed",
        "the disk is cloned",
        "the power is cut",
    )
    * 6,
)
"""What matters most to it comes more often."""
_SOON_AFTER = 0.08
"""So often the power is cut soon after a trouble, whatever it was."""


def drawn(chance: random.Random, *, forwarding: bool = False, real: bool = False) -> list[Trouble]:
    """The troubles of one life. forwarding: only such as are nothing to the network OS. real: whether the real agent runs."""
    names = _FAR_FROM_FORWARDING if forwarding else _OF_THE_REAL if real else _NAMES
    count = chance.choice((0, 1, 1, 2, 2, 3, 3, 4, 8)) or forwarding
    return [
        Trouble(
            name=chance.choice(names),
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
    if not world.forwarding and chance.random() < _SOON_AFTER:
        world.time.after(chance.random() * chance.choice((0.01, 0.2, 2.0)), world.cut_power)
