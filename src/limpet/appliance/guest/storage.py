"""What the guest shell stores: how it is bounded, and what goes when there is no room left (R12, F7).

A file of a few megabytes lies in its volume. When everything is full it is removed: the agent can write its status again while
logs and the agent's history are cut, from inside, so that no link that somebody put there leads out of the guest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limpet.appliance.guest.layout import Layout
from limpet.appliance.guest.logs import MIB
from limpet.guest.steps import Allocate, Remove, Run, Task
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.appliance.guest.contract import Runtime, ShellPlan, ShellSight
    from limpet.host.ports import Files

RESERVE = 8 * MIB
LOW = 4 * MIB
"""With less room than this it counts as full."""
PLENTY = 32 * MIB
"""With so much room the reserve is made again."""
_TIME_TO_PRUNE = 60.0
PRUNE = r"""
journalctl --rotate --vacuum-size=4M >/dev/null 2>&1
find /var/log -xdev -type f \( -name '*.gz' -o -name '*.old' -o -name '*.[0-9]' \) -delete
find /var/log -xdev -type f -size +4096k ! -path '*/journal/*' -exec truncate --size 0 {} +
find /var/lib/waagent/history -xdev -mindepth 1 -delete 2>/dev/null
find /var/cache/apt /tmp -xdev -type f -delete 2>/dev/null
exit 0
"""
"""Run inside: what is kept for people goes, what the agent works with stays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """free: bytes. reserved: whether the reserve is there. stored: whether there is a volume, or a folder, to store in."""

    free: int
    reserved: bool
    stored: bool

    @property
    def full(self) -> bool:
        """Whether writes fail, or soon will."""
        return self.stored and self.free < LOW


def room_of(plan: ShellPlan, files: Files) -> Room:
    """Two calls of the kernel. Raises: HostError."""
    layout = Layout.of(plan)
    if files.info(layout.volume) is None:
        return Room(free=files.room(layout.store.parent), reserved=False, stored=False)
    reserve = files.info(layout.reserve)
    reserved = reserve is not None and reserve.size >= RESERVE
    return Room(free=files.room(layout.volume), reserved=reserved, stored=True)


GROWTH = "-growth"
"""What the names of tasks end with that make a volume larger."""


def relief(
    runtime: Runtime, plan: ShellPlan, sight: ShellSight, room: Room, *, grow: bool = True
) -> tuple[Task, ...]:
    """What is to be done about it; nothing while there is room. grow: whether volumes may be made larger that shall be."""
    layout = Layout.of(plan)
    grown = _grown(plan, sight) if grow else ()
    if grown:
        return grown
    if room.full:
        steps: list[Remove | Run] = [Remove(layout.reserve)] if room.reserved else []
        if sight.running:
            steps.append(Run(runtime.enter(plan, sight, ("sh", "-c", PRUNE)), timeout=_TIME_TO_PRUNE))
        return (
            Task(
                name="guest-relief",
                purpose="make room in the guest shell's volume",
                steps=tuple(steps),
                required=False,
            ),
        )
    if room.stored and not room.reserved and room.free > PLENTY:
        return (
            Task(
                name="guest-reserve",
                purpose="reserve room for the guest shell's status",
                steps=(Allocate(layout.reserve, RESERVE),),
                required=False,
            ),
        )
    return ()


def _grown(plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
    """Volumes that are mounted and shall be larger: that can be done while they are used."""
    layout = Layout.of(plan)
    share = layout.share(plan)
    found = layout.stored(plan).grown(sight.disk) if layout.state in sight.stores else ()
    if share is not None and share[1].point in sight.shares:
        found = (*found, *share[1].grown(sight.share_disk))
    return found


def stored(plan: ShellPlan, sight: ShellSight, files: Files) -> dict[str, Any]:
    """How much room there is, as JSON has it."""
    layout = Layout.of(plan)
    try:
        free = room_of(plan, files).free
    except HostError:
        free = None
    how = (
        "a file system of its own"
        if layout.volume in sight.stores
        else "a folder, which only its file system bounds"
    )
    return {"how": how, "free": free, "problem": unfit(plan, sight)}


def unfit(plan: ShellPlan, sight: ShellSight) -> str | None:
    """What of the settings of its volumes cannot be had, for people; None where nothing is."""
    layout = Layout.of(plan)
    share = layout.share(plan)
    problems = [layout.stored(plan).too_large(sight.disk)]
    if share is not None:
        folder, volume = share
        problems.append(volume.too_large(sight.share_disk))
        if sight.running and folder not in sight.shares:
            problems.append(f"{folder} has no bound; the log of the guest shell's last start says why")
    return "; ".join(each for each in problems if each) or None
