"""Who has what in an appliance, told from its supervisor's journal: its NICs, the fabric lease, and its stage. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from limpet.lab.timeline.moments import Moment, Tone, Who

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

JOURNAL = "/var/lib/limpet/journal"
OWNERS = "owners"
"""The kind of a moment at which somebody else has something, or the stage is another one; its facts are a picture's."""
NOBODY, GUEST_SHELL = "nobody", "guest-shell"
NETWORK_OS = "network OS"
_LED_IN = frozenset({"booting", "preparing", "handing-over", "confirming", "rolling-back"})
"""Stages that begin with somebody getting something: they are told together with that."""
_BAD = frozenset({"repairing", "degraded", "rolling-back", "rescue"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """stage: by the supervisor's name. nics: in the order of the inventory, the primary one first. holder: of the fabric lease.

    moved: those that the network OS has. moving: the one that is on its way there.
    """

    boot: str = ""
    stage: str = "off"
    nics: tuple[str, ...] = ()
    primary: str | None = None
    moved: tuple[str, ...] = ()
    moving: str | None = None
    holder: str = NOBODY

    @property
    def linux(self) -> tuple[str, ...]:
        """The NICs that Linux has."""
        return tuple(name for name in self.nics if name not in self.moved)

    @property
    def network_os(self) -> tuple[str, ...]:
        """Those that the network OS has."""
        return tuple(name for name in self.nics if name in self.moved)

    def facts(self) -> dict[str, Any]:
        """For programs."""
        return {
            "stage": self.stage,
            "linux": list(self.linux),
            "networkOs": list(self.network_os),
            "moving": self.moving,
            "primary": self.primary,
            "holder": self.holder,
        }

    def words(self) -> str:
        """In a line."""
        moving = f", {self.moving} on its way" if self.moving else ""
        return (
            f"{self.stage}: Linux has {' '.join(self.linux) or 'no NIC'}, "
            f"the network OS {' '.join(self.network_os) or 'none'}{moving}; fabric lease: {self.holder}"
        )


def records(content: bytes, after: int) -> Iterator[Mapping[str, Any]]:
    """The journal's records with a higher number, as far as they are whole: ``at``, ``boot``, ``kind``, ``facts``."""
    for line in content.splitlines(keepends=True):
        _, _, body = line.partition(b" ")
        try:
            record = json.loads(body)
            number = int(record["number"])
        except (ValueError, KeyError, TypeError):
            return  # it is being written
        if number > after and line.endswith(b"\n"):
            yield record


class Storyteller:
    """Moments from records, in their order."""

    def __init__(self, nics: tuple[str, ...] = ()) -> None:
        """nics: what the machine has, the primary one first, until the journal says it."""
        self.picture = Picture(nics=nics, primary=nics[0] if nics else None)
        self._told = self.picture

    def moment(self, record: Mapping[str, Any]) -> Moment | None:
        """The moment of a record; None where nothing of the picture has changed."""
        before = self._settled(record)
        self.picture = _CHANGES.get(record["kind"], _nothing)(before, record["facts"])
        stage = self.picture.stage
        new_stage = stage != self._told.stage
        if _possessions(self.picture) == _possessions(self._told) and (not new_stage or stage in _LED_IN):
            return None
        if (
            self.picture.holder == NOBODY
            and self.picture.moving is None
            and (not new_stage or stage in _LED_IN)
        ):
            return None  # between two holders, for a moment
        self._told = self.picture
        tone = Tone.PLAIN
        if new_stage:
            tone = (
                Tone.BAD
                if self.picture.stage in _BAD
                else Tone.GOOD
                if self.picture.stage == "steady"
                else Tone.NEWS
            )
        return Moment(
            at=float(record["at"]),
            who=Who.SUPERVISOR,
            what=self.picture.words(),
            kind=OWNERS,
            tone=tone,
            facts={**self.picture.facts(), "newStage": new_stage, "problem": record["facts"].get("problem")},
        )

    def _settled(self, record: Mapping[str, Any]) -> Picture:
        """The picture before a record: a NIC is noted before it moves, and has moved unless the next thing is a roll-back."""
        found = self.picture
        if record.get("boot") != found.boot:  # all NICs are Linux's when a machine starts
            found = replace(found, boot=str(record.get("boot")), moved=(), moving=None, holder=NOBODY)
        if found.moving is not None:
            refused = record["kind"] == "state" and record["facts"].get("state") == "rolling-back"
            moved = found.moved if refused else (*found.moved, found.moving)
            found = replace(found, moved=moved, moving=None)
        return found


def _possessions(picture: Picture) -> Picture:
    return replace(picture, boot="", stage="")


def _state(found: Picture, facts: Mapping[str, Any]) -> Picture:
    return replace(found, stage=str(facts["state"]))


def _nics(found: Picture, facts: Mapping[str, Any]) -> Picture:
    ordered = sorted(facts["nics"], key=lambda nic: not nic["primary"])
    primary = next((str(nic["name"]) for nic in ordered if nic["primary"]), None)
    return replace(found, nics=tuple(str(nic["name"]) for nic in ordered), primary=primary)


def _move(found: Picture, facts: Mapping[str, Any]) -> Picture:
    name = str(facts["name"])
    if facts["to"] == NETWORK_OS:
        return replace(found, moving=name)
    return replace(found, moved=tuple(each for each in found.moved if each != name))


def _grant(found: Picture, facts: Mapping[str, Any]) -> Picture:
    return replace(found, holder=str(facts["holder"]))


def _nothing(found: Picture, _facts: Mapping[str, Any]) -> Picture:
    return found


_CHANGES = {"state": _state, "nics": _nics, "move": _move, "grant": _grant}
