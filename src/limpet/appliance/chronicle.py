"""What the journal says, folded into one value: the supervisor's memory.

Each kind of record has a function that takes the value so far to the next one; a record that says nothing usable changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from limpet.appliance.journal import DAMAGE
from limpet.appliance.states import State
from limpet.guest.fabric_lease import Holder
from limpet.guest.lease import parse_lease
from limpet.guest.site import Nic
from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from limpet.appliance.journal import Record
    from limpet.guest.lease import AcquiredLease


@dataclass(frozen=True, kw_only=True, slots=True)
class Handover:
    """The current handover. attempts: begun since one was confirmed. before: the last accepted report ahead of it.

    before_up: the same on the monotonic clock. gap: seconds without an accepted report, None while it is open. confirmed: whether the guest reached the fabric by it.
    """

    attempts: int = 0
    before: float | None = None
    before_up: float | None = None
    started: float | None = None
    gap: float | None = None
    confirmed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Chronicle:
    """state: the last that was entered, in the boot `boot`, at `since`. problem: why it is not better, for people.

    doubted: kinds of which a record may be missing, for the journal was damaged and has told nothing of them since.

    leases: by MAC. moved: MACs of NICs that were given to the network OS and not yet taken back. failures: when the guest
    shell had to be started again, seconds since 1970. image: what it was started from last. discard: whether the guest's state is another VM's and must go first.
    """

    state: State | None = None
    since: float = 0.0
    boot: str = ""
    problem: str | None = None
    vm_id: str | None = None
    wire_server: str | None = None
    ready: bool = False
    container_id: str | None = None
    nics: tuple[Nic, ...] = ()
    leases: Mapping[str, AcquiredLease] = field(default_factory=dict)
    moved: tuple[str, ...] = ()
    terms: Mapping[str, str] = field(default_factory=dict)
    """Settings by which the network OS was started last (limpet.appliance.terms)."""
    holder: Holder = Holder.NOBODY
    epoch: int = 0
    handover: Handover = field(default_factory=Handover)
    instance: str | None = None
    image: str | None = None
    failures: tuple[float, ...] = ()
    discard: bool = False
    doubted: frozenset[str] = frozenset()

    def holder_in(self, boot: str) -> Holder:
        """Who has the fabric lease in a boot of the machine, as far as that is certain."""
        return self.holder if self.boot == boot and "grant" not in self.doubted else Holder.NOBODY


def fold(records: Iterable[Record], before: Chronicle | None = None) -> Chronicle:
    """Everything that the records say, later ones over earlier ones."""
    found = before or Chronicle()
    for record in records:
        change = _CHANGES.get(record.kind)
        if change is None:
            continue
        try:
            changed = change(found, record)
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError, MalformedDocument):
            continue  # of another version of this program
        found = changed
        if record.kind in found.doubted:
            found = replace(found, doubted=found.doubted - {record.kind})
    return found


def compacted(records: Iterable[Record]) -> list[Record]:
    """The fewest records that fold to the same: of each kind the last, with all that those before it said and it does not.

    Leases and moves are of one NIC each.
    """
    kept: dict[tuple[str, str], Record] = {}
    for each in records:
        key = (each.kind, str(each.facts.get("mac")))
        before = kept.pop(key, None)
        if before is not None and each.kind in _ADDING:
            each = replace(each, facts={**before.facts, **each.facts})  # noqa: PLW2901 - that is the point
        elif before is not None and each.kind == DAMAGE:
            lost = _count(before.facts.get("lost")) + _count(each.facts.get("lost"))
            each = replace(each, facts={**each.facts, "lost": lost})  # noqa: PLW2901
        kept[key] = each
        if each.kind == "grant" and _WHERE_MISSING in kept:  # from here on its epoch counts
            missing = kept[_WHERE_MISSING]
            kept[_WHERE_MISSING] = replace(missing, facts={**missing.facts, "lost": 0})
    return list(kept.values())


_ADDING = frozenset({"handover", "guest"})
"""Kinds whose records say only what has changed."""
_WHERE_MISSING = (DAMAGE, "None")
_DOUBTED = frozenset({"state", "identity", "nics", "grant"})
"""Kinds that must be known for certain before the supervisor goes on: of others an older record does no harm."""


def _state(found: Chronicle, record: Record) -> Chronicle:
    facts = record.facts
    return replace(
        found, state=State(facts["state"]), since=record.at, boot=record.boot, problem=facts.get("problem")
    )


def _identity(found: Chronicle, record: Record) -> Chronicle:
    facts = record.facts
    return replace(
        found,
        vm_id=str(facts["vm_id"]),
        wire_server=_word(facts.get("wire_server")),
        ready=bool(facts.get("ready")),
        container_id=_word(facts.get("container_id")),
    )


def _nics(found: Chronicle, record: Record) -> Chronicle:
    nics = tuple(
        Nic(
            name=str(each["name"]),
            mac=str(each["mac"]),
            primary=bool(each["primary"]),
            device=_word(each.get("device")),
            vf=_word(each.get("vf")),
        )
        for each in record.facts["nics"]
    )
    return replace(found, nics=nics)


def _lease(found: Chronicle, record: Record) -> Chronicle:
    lease = parse_lease(json.dumps(record.facts["lease"]).encode("ascii"))
    return replace(found, leases={**found.leases, str(record.facts["mac"]): lease})


def _move(found: Chronicle, record: Record) -> Chronicle:
    mac = str(record.facts["mac"])
    others = tuple(each for each in found.moved if each != mac)
    return replace(found, moved=(*others, mac) if record.facts["to"] == "network OS" else others)


def _terms(found: Chronicle, record: Record) -> Chronicle:
    return replace(found, terms={name: str(value) for name, value in record.facts.items()})


def _grant(found: Chronicle, record: Record) -> Chronicle:
    return replace(found, holder=Holder(record.facts["holder"]), epoch=int(record.facts["epoch"]))


def _handover(found: Chronicle, record: Record) -> Chronicle:
    facts, known = record.facts, found.handover
    changed = Handover(
        attempts=int(facts.get("attempts", known.attempts)),
        before=_number(facts.get("before", known.before)),
        before_up=_number(facts.get("before_up", None if "before" in facts else known.before_up)),
        started=_number(facts.get("started", known.started)),
        gap=_number(facts.get("gap", known.gap)),
        confirmed=bool(facts.get("confirmed", known.confirmed)),
    )
    return replace(found, handover=changed)


def _guest(found: Chronicle, record: Record) -> Chronicle:
    facts = record.facts
    return replace(
        found,
        instance=_word(facts.get("instance", found.instance)),
        image=_word(facts.get("image", found.image)),
        failures=tuple(float(each) for each in facts.get("failures", found.failures)),
        discard=bool(facts.get("discard", found.discard)),
    )


def _damage(found: Chronicle, record: Record) -> Chronicle:
    """Every record that is missing may have been a grant: its epoch is not given again."""
    return replace(found, epoch=found.epoch + _count(record.facts.get("lost")), doubted=_DOUBTED)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _word(value: Any) -> str | None:
    return None if value is None else str(value)


_CHANGES = {
    "state": _state,
    "identity": _identity,
    "nics": _nics,
    "lease": _lease,
    "move": _move,
    "terms": _terms,
    "grant": _grant,
    "handover": _handover,
    "guest": _guest,
    DAMAGE: _damage,
}
