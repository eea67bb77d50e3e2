"""What must hold of an appliance at every moment, and how it must end whatever has happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.journal import parse_journal
from limpet.appliance.show import SHOWN
from limpet.appliance.states import State
from limpet.guest.fabric_lease import Holder
from limpet.guest.namespaces import HOST

if TYPE_CHECKING:
    from tests.appliance.simulation.world import World

SECRET = "sig=HushHushSecret0123456789"
"""Planted in what programs and the fabric complain of."""
FRESH = 8.0
"""A report younger than this many seconds shows that status flows."""


def broken(world: World) -> list[str]:
    """What does not hold now."""
    found = list(world.fabric.broken)
    done = world.fabric.provisioned
    found += [
        f"{each} was provisioned {done.count(each)} times" for each in set(done) if done.count(each) > 1
    ]
    _, end = parse_journal(world.journal.content)
    if world.supervisor is not None and world.supervisor.ended is None and end != len(world.journal.content):
        found.append("the journal cannot be read to its end while the supervisor runs")
    if SECRET[4:].encode() in world.journal.content:
        found.append("a secret is in the journal")
    node = world.machine.files.nodes.get(SHOWN)
    if node is not None and SECRET[4:].encode() in (node.content or b""):
        found.append("a secret is in what limpet show shows")
    return found


def ends_well(world: World) -> bool:
    """Whether it is handed over with the guest's status flowing, or rolled back, reachable, with a status that says why."""
    if world.since_status > FRESH or world.supervisor is None:
        return False
    last, state = world.fabric.taken[-1], world.state
    if state is State.STEADY:
        return last.holder is Holder.GUEST_SHELL and world.fabric.way("limpet-guest") is None
    if state is State.DEGRADED:
        return last.holder is Holder.STATUS_ONLY and last.state == "NotReady"
    if state is State.RESCUE:
        return (
            last.holder is Holder.STATUS_ONLY and world.fabric.way(HOST) is None and last.state == "NotReady"
        )
    return False


def why_not(world: World) -> str:
    """For a failing seed: how it stands."""
    last = world.fabric.taken[-1] if world.fabric.taken else None
    return (
        f"state {world.state}, {world.since_status:.1f} s since a report; the last: {last}; "
        f"way from the host: {world.fabric.way(HOST)}; from the guest: {world.fabric.way('limpet-guest')}; "
        f"lock: {world.lock.holder}; container: {world.containers.instance}"
    )
