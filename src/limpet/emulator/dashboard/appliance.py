"""What somebody says of a VM's appliance: the document of ``limpet show --json``, and what became of it over time. Pure.

The fabric itself cannot see into a VM: a lab, or anybody, puts the document. It is taken as it comes from a hostile machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limpet.emulator.world.ring import Ring
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.emulator.dashboard.gap import Gap

VERSION = 1
LARGEST_DOCUMENT = 64 * 1024
LONGEST_TEXT = 1000
MOST_ITEMS = 64
LARGEST_NUMBER = 2**53
HAPPENINGS_KEPT = 80

STAGES = (
    "booting",
    "provisioned",
    "preparing",
    "handing-over",
    "confirming",
    "steady",
    "rolling-back",
    "rescue",
    "repairing",
    "degraded",
    "stopped",
)
SHAPE: dict[str, Any] = {
    "version": int,
    "stage": str,
    "since": float,
    "words": str,
    "problem": str,
    "fabricLease": {"holder": str, "epoch": int, "since": float},
    "networkOs": {"driver": str, "health": str, "since": float, "problem": str},
    "nics": [
        {
            "name": str,
            "mac": str,
            "owner": str,
            "primary": bool,
            "address": str,
            "up": bool,
            "vf": str,
        }
    ],
    "guestShell": {
        "runtime": str,
        "state": str,
        "instance": str,
        "restarts": int,
        "image": str,
        "problem": str,
    },
    "lease": {"address": str, "gateway": str, "dns": [str], "wireServer": str},
    "goalState": {"id": str, "at": float},
    "status": {"acceptedAt": float, "code": int, "problem": str},
    "handover": {
        "attempts": int,
        "startedAt": float,
        "before": float,
        "gap": float,
        "confirmed": bool,
        "problem": str,
    },
}
"""Every member that is kept, and what it is; each may be null or absent. What else is in a document is left out."""


class WrongDocument(ValueError):
    """It cannot be taken. where: the member that is meant. todo: what it should be."""

    def __init__(self, where: str, what: str, todo: str) -> None:
        super().__init__(what)
        self.where = where
        self.todo = todo


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """Something that changed from one document to the next. at: seconds since 1970, by the emulator's clock.

    kind: ``stage``, ``lease``, ``nic``, ``network-os``, ``guest-shell`` or ``handover``. bad: whether it is trouble.
    """

    at: float
    kind: str
    words: str
    bad: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Appliance:
    """What is known of an appliance. at: when the newest document came; document: its known members."""

    at: float
    document: Mapping[str, Any] = field(hash=False)
    happened: Ring[Happening] = field(default_factory=lambda: Ring(capacity=HAPPENINGS_KEPT))
    gaps: tuple[Gap, ...] = ()


def read_appliance(value: Any) -> dict[str, Any]:
    """The known members of a document, of bounded sizes and redacted. Raises: WrongDocument."""
    document = _read(value, SHAPE, "body")
    if not isinstance(document, dict):
        raise WrongDocument("body", "the body is null", "send what `limpet show --json` prints")
    if document.get("version") != VERSION:
        raise WrongDocument(
            "body.version", f"{document.get('version')} is not a version that is known", f"send {VERSION}"
        )
    stage = document.get("stage")
    if stage is not None and stage not in STAGES:
        raise WrongDocument("body.stage", f"{stage[:60]!r} is not a stage", f"one of {', '.join(STAGES)}")
    return document


def _read(value: Any, shape: Any, where: str) -> Any:
    if value is None:
        return None
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise WrongDocument(where, f"{where} is not an object", f"members: {', '.join(shape)}")
        return {
            name: _read(value[name], inner, f"{where}.{name}")
            for name, inner in shape.items()
            if name in value
        }
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise WrongDocument(where, f"{where} is not an array", "send an array")
        return [_read(item, shape[0], f"{where}[{number}]") for number, item in enumerate(value[:MOST_ITEMS])]
    return _scalar(value, shape, where)


def _scalar(value: Any, kind: type, where: str) -> Any:
    fits = isinstance(value, int | float if kind is float else kind)
    if not fits or (kind is not bool and isinstance(value, bool)):
        names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
        raise WrongDocument(where, f"{where} is not {names[kind]}", f"send {names[kind]}, or null")
    if isinstance(value, str):
        return redacted(value[:LONGEST_TEXT])
    if not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:  # what is not a number is in no range either
        raise WrongDocument(where, f"{where} is out of range", "send a number of ordinary size")
    return value
