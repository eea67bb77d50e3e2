"""A VM that waits in a pool until it is given to somebody: its states as a table, and its record. Source: guest-setup.md §A.14.

"Ready" means two things here: at first that the VM may be given away, and at the end that it is somebody's. So it must not be
said a second time when the first may have been heard and the VM may have been given since.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from limpet.guest.identity import same_vm
from limpet.guest.interfaces import candidates
from limpet.guest.marker import POOL_RECORD as RECORD
from limpet.guest.records import members_of, word
from limpet.guest.steps import MakeFolder, Run, Task, Write
from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ipaddress import IPv4Address

    from limpet.guest.interfaces import NetworkFacts, Nic
    from limpet.model.network import LinkState
    from limpet.model.provisioning import PlatformSettings

DOCUMENT = "pool.json"
VERSION = 1
LARGEST = 64 * 1024
_TWICE = 2


class Kind(Enum):
    """How a VM of a pool is given away; the words are the platform's."""

    RUNNING = "Running"
    SAVABLE = "Savable"
    OS_DISK = "PreprovisionedOSDisk"


class Phase(Enum):
    """What a VM of a pool does.

    TELLING: it says that it may be given away. LEAVING: its NIC is to lose the pool's network. ASKING: it asks for what somebody
    wants of it. ENDING: it is to be shut down, and its disk copied. DOUBTING: it may have said so, or not. REPEATING: it had not.
    GIVEN: it knows what is wanted.
    """

    TELLING = "telling"
    LEAVING = "leaving"
    ASKING = "asking"
    ENDING = "ending"
    DOUBTING = "doubting"
    REPEATING = "repeating"
    GIVEN = "given"


class Event(Enum):
    """TOLD: the fabric has accepted Ready. LOST, GONE: the NIC has no network any more, or was taken out.

    DOCUMENT: somebody's wish is there. SILENCE: there was none for long enough.
    """

    TOLD = "told"
    LOST = "lost"
    GONE = "gone"
    DOCUMENT = "document"
    SILENCE = "silence"


TABLE: Mapping[Phase, Mapping[Event, Phase]] = {
    Phase.TELLING: {
        Event.TOLD: Phase.LEAVING,
        # It may have been heard, and this may be the way out of the pool.
        Event.LOST: Phase.DOUBTING,
        Event.GONE: Phase.DOUBTING,
    },
    Phase.LEAVING: {Event.LOST: Phase.ASKING, Event.GONE: Phase.ASKING},
    Phase.ASKING: {Event.DOCUMENT: Phase.GIVEN},
    Phase.DOUBTING: {Event.DOCUMENT: Phase.GIVEN, Event.SILENCE: Phase.REPEATING},
    # Whether the NIC has moved meanwhile is not known, so that is not waited for.
    Phase.REPEATING: {Event.TOLD: Phase.ASKING, Event.LOST: Phase.DOUBTING, Event.GONE: Phase.DOUBTING},
    Phase.ENDING: {},
    Phase.GIVEN: {},
}
EXCEPTIONS: Mapping[tuple[Kind, Phase, Event], Phase] = {
    # Its NIC is taken out because it was heard, perhaps before the answer came.
    (Kind.SAVABLE, Phase.TELLING, Event.GONE): Phase.ASKING,
    (Kind.SAVABLE, Phase.DOUBTING, Event.GONE): Phase.ASKING,
    (Kind.SAVABLE, Phase.REPEATING, Event.GONE): Phase.ASKING,
    # Nobody is given this VM itself: to say it twice does no harm.
    (Kind.OS_DISK, Phase.TELLING, Event.TOLD): Phase.ENDING,
    (Kind.OS_DISK, Phase.TELLING, Event.LOST): Phase.TELLING,
    (Kind.OS_DISK, Phase.TELLING, Event.GONE): Phase.TELLING,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What this VM has said to the pool, kept over a restart.

    kind: of its pool. vm_id: as the platform writes it. boot: the kernel's name for the start in which it was written.
    told: whether the fabric has accepted Ready; False while that is being tried.
    """

    kind: Kind
    vm_id: str
    boot: str
    told: bool


def kind_of(platform: PlatformSettings) -> tuple[Kind | None, str | None]:
    """How this VM is to be given away, None for one that is somebody's already; and what is odd, for people."""
    word = (platform.preprovisioned_vm_type or "").strip()
    for kind in (Kind.SAVABLE, Kind.OS_DISK, Kind.RUNNING):
        if word.lower() == kind.value.lower():
            return kind, None
    note = (
        f"the type {word[:64]!r} of pre-provisioned VM is not known"
        if word.lower() not in {"", "none"}
        else None
    )
    return (Kind.RUNNING if platform.preprovisioned_vm else None), note


def first_phase(record: Record | None) -> Phase:
    """Where a start begins. record: what an earlier one has left."""
    if record is None:
        return Phase.TELLING
    return Phase.ASKING if record.told else Phase.DOUBTING


def next_phase(kind: Kind, phase: Phase, event: Event) -> Phase:
    """Where an event leads to; an event that means nothing there changes nothing."""
    return EXCEPTIONS.get((kind, phase, event)) or TABLE[phase].get(event, phase)


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """The NIC by which the platform is reached. index: 0 for no NIC; None where it is not known, and any NIC may be it.

    changes: of its carrier so far. Both its loss and its return may have been missed: then there are two more.
    """

    index: int | None
    changes: int | None = None

    def seen(self, state: LinkState) -> tuple[Event | None, Watched]:
        """What news of a NIC means, and what is known of it from now on."""
        if self.index not in {None, state.index}:
            return None, self
        if not state.present:
            return Event.GONE, self
        known = self.index is not None and state.changes is not None and self.changes is not None
        missed = known and (state.changes or 0) - (self.changes or 0) >= _TWICE
        lost = missed or (state.up and not state.connected)
        return (Event.LOST if lost else None), replace(self, changes=state.changes)


def may_lead(states: Iterable[LinkState], nics: Iterable[Nic]) -> bool:
    """Whether any NIC is worth asking for a lease on: one that is connected, or that nobody has brought up yet.

    states: the kernel's last news. nics: what is there. Virtual functions of accelerated networking do not count.
    """
    names = {nic.name for nic in candidates(nics)}
    return any(
        state.present and state.name in names and (state.connected or not state.up) for state in states
    )


def plan_leaving(interface: str | None, facts: NetworkFacts, address: IPv4Address | None) -> Task:
    """Take the pool's address and routes off a NIC, so that the next network is asked for its own.

    interface: None where there is none to leave. address: of the lease that is known.
    """
    there = any(nic.name == interface for nic in facts.nics)
    mine = any(route.interface == interface for route in facts.routes) or address in facts.addresses
    lines = f"address flush dev {interface} scope global\nroute flush dev {interface}\n"
    steps = (Run(("ip", "-batch", "-"), stdin=lines.encode()),) if there and mine else ()
    return Task(
        name="pool-network",
        purpose=f"leave the network that {interface} had in the pool",
        steps=steps,
        required=False,
        advice="Look at `ip address` and `ip route`.",
    )


def plan_record(content: bytes | None, record: Record) -> Task:
    """Write the record; nothing when it is there. content: of the file as it is."""
    try:
        same = content is not None and parse_record(content) == record
    except MalformedDocument:
        same = False
    steps = (
        MakeFolder(path=RECORD.parent, mode=0o700),
        Write(path=RECORD, content=render_record(record), mode=0o600),
    )
    return Task(
        name="pool",
        purpose="note what this VM has said to the pool",
        steps=() if same else steps,
        advice=f"Without {RECORD} Ready could be said of a VM that is not its owner's yet; make room on the disk.",
    )


def own_record(content: bytes | None, vm_id: str) -> tuple[Record | None, str | None]:
    """The record of this VM, None where there is none; and what is odd, for people. That of another VM was copied with its disk."""
    if content is None:
        return None, None
    try:
        found = parse_record(content)
    except MalformedDocument as error:
        return None, f"{RECORD} is damaged and counts as absent: {error.problem}"
    if not same_vm(found.vm_id, vm_id):
        return None, f"{RECORD} is of the VM {found.vm_id}, whose disk this one was copied from"
    return found, None


def parse_record(content: bytes) -> Record:
    """Read the file. Members it does not know are passed over. Raises: MalformedDocument."""
    found = members_of(content, DOCUMENT, version=VERSION, at_most=LARGEST)
    if not isinstance(found.get("told"), bool):
        raise MalformedDocument(DOCUMENT, "told is neither true nor false")
    try:
        kind = Kind(word(found, "kind", DOCUMENT))
    except ValueError as error:
        raise MalformedDocument(DOCUMENT, "kind is none of a pool") from error
    return Record(
        kind=kind, vm_id=word(found, "vmId", DOCUMENT), boot=word(found, "boot", DOCUMENT), told=found["told"]
    )


def render_record(record: Record) -> bytes:
    """The file `parse_record` reads."""
    members = {
        "version": VERSION,
        "kind": record.kind.value,
        "vmId": record.vm_id,
        "boot": record.boot,
        "told": record.told,
    }
    return (json.dumps(members, indent=1) + "\n").encode("ascii")
