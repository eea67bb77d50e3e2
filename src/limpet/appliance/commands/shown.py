"""Reads the document that the supervisor keeps for `limpet show`: it may be damaged, or a supervisor of another version's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.appliance.show import LARGEST, VERSION
from limpet.model.errors import MalformedDocument
from limpet.wire.jsondoc import an_array, an_object, member, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENT = "the supervisor's document"
_TEXT, _NUMBER, _SWITCH = (str,), (int, float), (bool,)
_REQUIRED: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "": {"stage": _TEXT, "words": _TEXT},
    "networkOs": {"driver": _TEXT},
    "guestShell": {"runtime": _TEXT, "state": _TEXT, "restarts": _NUMBER},
    "lease": {"address": _TEXT},
    "nics": {"name": _TEXT, "mac": _TEXT, "owner": _TEXT, "primary": _SWITCH},
    "handover": {"attempts": _NUMBER},
}
_ALLOWED: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "": {"since": _NUMBER, "problem": _TEXT},
    "fabricLease": {"holder": _TEXT, "epoch": _NUMBER},
    "networkOs": {"health": _TEXT, "problem": _TEXT},
    "guestShell": {"problem": _TEXT},
    "lease": {"gateway": _TEXT, "wireServer": _TEXT},
    "goalState": {"id": _TEXT, "at": _NUMBER},
    "status": {"acceptedAt": _NUMBER, "code": _NUMBER, "problem": _TEXT},
    "handover": {"startedAt": _NUMBER, "gap": _NUMBER},
    "nics": {"address": _TEXT, "up": _SWITCH},
}


def parse_shown(content: bytes) -> dict[str, Any]:
    """All of its members; those that people are shown are of the right kind. Raises: MalformedDocument."""
    found = an_object(parse(content, DOCUMENT, limit=LARGEST), DOCUMENT)
    if found.get("version") != VERSION:
        raise MalformedDocument(
            DOCUMENT, f"it is not of version {VERSION}: start the supervisor of this limpet"
        )
    made = {**found, **_checked(found, "")}
    for name in _ALLOWED:
        if name and found.get(name) is not None:
            made[name] = _part(found[name], name)
    return made


def _part(value: Any, name: str) -> Any:
    if name == "nics":
        return [_checked(an_object(each, DOCUMENT, name), name) for each in an_array(value, DOCUMENT, name)]
    return _checked(an_object(value, DOCUMENT, name), name)


def _checked(members: dict[str, Any], name: str) -> dict[str, Any]:
    """With the members that are looked at, of their kinds, None where they are absent."""
    needed = {each: member(members, each, kind, DOCUMENT) for each, kind in _REQUIRED.get(name, {}).items()}
    others = {
        each: member(members, each, kind, DOCUMENT, None) for each, kind in _ALLOWED.get(name, {}).items()
    }
    return {**members, **needed, **others}
