"""What must hold of an appliance at every moment, and how it must end whatever has happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.appliance.simulation.guest_shell import BAD
from tests.appliance.simulation.networks import NOS
from tests.appliance.simulation.secret import SECRET

from limpet.appliance.guest.images import FACTORY
from limpet.appliance.journal import COMPACT_FROM, parse_journal
from limpet.appliance.states import State
from limpet.guest.fabric_lease import Holder
from limpet.guest.namespaces import HOST

if TYPE_CHECKING:
    from tests.appliance.simulation.world import World

FRESH = 8.0
"""A report younger than this many seconds shows that status flows."""
LARGEST_JOURNAL = COMPACT_FROM + 8 * 1024
BUSIEST_LOG = 0.5
"""Entries a second."""
BURST = 450
"""Entries besides: a boot stage that fails has 25, and is tried again every five seconds here."""


def broken(world: World) -> list[str]:
    """What does not hold now."""
    return [
        *world.fabric.broken,
        *_provisioned(world),
        *_remembered(world),
        *_secrets(world),
        *_defects(world),
    ]


def _provisioned(world: World) -> list[str]:
    done = world.fabric.provisioned
    return [f"{each} was provisioned {done.count(each)} times" for each in set(done) if done.count(each) > 1]


def _remembered(world: World) -> list[str]:
    content, found = world.journal.content, []
    _, end = parse_journal(content)
    if world.supervisor is not None and world.supervisor.ended is None and end != len(content):
        found.append("the journal cannot be read to its end while the supervisor runs")
    if len(content) > LARGEST_JOURNAL:
        found.append(f"the journal has {len(content)} bytes")
    entries, seconds = len(world.log.entries), world.time.monotonic() - 1000.0
    if entries > BURST + BUSIEST_LOG * seconds:
        found.append(f"the log has {entries} entries after {seconds:.0f} s")
    return found


def _secrets(world: World) -> list[str]:
    """In the journal, in what others may read, and in what the platform is told."""
    secret = SECRET[4:].encode()
    found = ["a secret is in the journal"] if secret in world.journal.content + world.aside.content else []
    for path, node in world.machine.files.nodes.items():
        if node.content is not None and node.mode & 0o004 and secret in node.content:
            found.append(f"a secret is in {path}, which everybody may read")
    if any(SECRET[4:] in each.text for each in world.fabric.taken):
        found.append("a secret is in what the fabric was told")
    return found


def _defects(world: World) -> list[str]:
    """Errors that nobody thought of, other than those that were put into a driver or a runtime."""
    problems = {str(each["problem"]) for each in world.log.of("appliance.defect")}
    return [f"a defect: {each}" for each in problems if "a bug of the" not in each]


def ends_well(world: World) -> bool:
    """Whether it is handed over with the guest's status flowing, or rolled back, reachable, with a status that says why."""
    if world.since_status > FRESH or world.supervisor is None:
        return False
    last, state = world.fabric.taken[-1], world.state
    if state is State.STEADY:
        return (
            last.holder is Holder.GUEST_SHELL
            and world.fabric.way("limpet-guest") is None
            and _all_nics(world, NOS)
        )
    if state is State.DEGRADED:
        return last.holder is Holder.STATUS_ONLY and last.state == "NotReady" and not _held_by_an_image(world)
    if state is State.RESCUE:
        return (
            last.holder is Holder.STATUS_ONLY
            and world.fabric.way(HOST) is None
            and last.state == "NotReady"
            and _all_nics(world, HOST)
        )
    return False


def _held_by_an_image(world: World) -> bool:
    """Whether an image that does not work is held on to, though the one that the appliance came with does."""
    image = world.containers.image
    node = None if image is None or image == FACTORY[0] else world.machine.files.nodes.at(image)
    return node is not None and node.content in BAD


def is_steady(world: World) -> bool:
    """Whether it is handed over, and well."""
    return world.state is State.STEADY and ends_well(world)


def is_held(world: World) -> bool:
    """Whether it waits for an operator's word: every try has failed."""
    supervisor = world.supervisor
    if supervisor is None or world.state is not State.RESCUE or not ends_well(world):
        return False
    return supervisor.appliance.chronicle.handover.attempts >= world.config.attempts


def _all_nics(world: World, space: str) -> bool:
    """Whether every NIC with its virtual function is there."""
    for mac in world.fabric.leases:
        for vf in (False, True):
            found = world.networks.where(mac, vf=vf)
            if found is not None and found[0] != space:
                return False
    return True


def why_not(world: World) -> str:
    """For a failing seed: how it stands."""
    last = world.fabric.taken[-1] if world.fabric.taken else None
    return (
        f"state {world.state}, {world.since_status:.1f} s since a report; the last: {last}; "
        f"way from the host: {world.fabric.way(HOST)}; from the guest: {world.fabric.way('limpet-guest')}; "
        f"NICs: {[(mac, vf, found[0]) for mac in world.fabric.leases for vf in (False, True) if (found := world.networks.where(mac, vf=vf))]}; "
        f"lock: {world.lock.holder}; container: {world.containers.instance}"
    )
