"""What a vendor's program answers on its standard output. Schema: docs/schemas/hooks-answer.json.

Every answer is one JSON document with ``"version": 1``; a program of which nothing needs to be known may print nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.appliance.networkos.contract import Health, Pulse
from limpet.appliance.networkos.hooks.verbs import VERSION, Verb
from limpet.guest.records import word
from limpet.model.errors import MalformedDocument
from limpet.model.printable import printable
from limpet.wire.jsondoc import an_array, an_object, member, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = 64 * 1024
"""Bytes of an answer."""
_MOST_SIGNS = 32
_LONGEST_PROBLEM = 1000
OWNERS: Mapping[Verb, str] = {Verb.CLAIM: "network OS", Verb.RELEASE: "Linux"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sign:
    """Something to look at, twice a second, that tells whether the network OS lives.

    path: must be there; a process id is in it when `process`, which must live. lost: how the network OS is without it.
    cause: for `revive`.
    """

    path: Path
    process: bool = False
    lost: Health = Health.GONE
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerOf:
    """Reads the answer of a program, whose path is for the message. Two of one program are equal, as plans must be."""

    verb: Verb
    program: str

    def __call__(self, said: bytes) -> object:
        """What it says. Raises: MalformedDocument, which names program and member."""
        document = f"the answer of {self.program}"
        members = _members(said, document, needed=self.verb in {Verb.HEALTH, *OWNERS})
        if self.verb is Verb.HEALTH:
            return _pulse(members, document)
        if self.verb is Verb.START:
            return _signs(members, document)
        owner = OWNERS.get(self.verb)
        if owner is not None and member(members, "owner", str, document) != owner:
            raise MalformedDocument(document, f"member owner is not {owner!r}")
        return None


def pulse_of(said: bytes, program: str) -> Pulse:
    """What the program `health` answers. Raises: MalformedDocument."""
    document = f"the answer of {program}"
    return _pulse(_members(said, document, needed=True), document)


def signs_of(said: bytes, program: str) -> tuple[Sign, ...]:
    """What the program `start` says is to be looked at. Raises: MalformedDocument."""
    document = f"the answer of {program}"
    return _signs(_members(said, document, needed=False), document)


def _members(said: bytes, document: str, *, needed: bool) -> dict[str, Any]:
    if not said.strip() and not needed:
        return {}
    if not said.strip():
        raise MalformedDocument(document, "it printed nothing")
    members = an_object(parse(said, document, limit=LARGEST), document)
    if member(members, "version", int, document) != VERSION:
        raise MalformedDocument(document, f"member version is not {VERSION}")
    return members


def _pulse(members: dict[str, Any], document: str) -> Pulse:
    health = _health(member(members, "health", str, document), "health", document)
    problem = _text(members, "problem", document)
    if health is not Health.HEALTHY and problem is None:
        raise MalformedDocument(
            document, f"member problem is missing: what is wrong when it is {health.value}"
        )
    return Pulse(health=health, problem=problem, cause=_cause(members, document))


def _health(value: str, name: str, document: str) -> Health:
    try:
        return Health(value)
    except ValueError:
        known = ", ".join(each.value for each in Health)
        raise MalformedDocument(document, f"member {name} is none of {known}") from None


def _text(members: Mapping[str, Any], name: str, document: str) -> str | None:
    text = member(dict(members), name, str, document, None)
    if text is None:
        return None
    return printable(text)[:_LONGEST_PROBLEM].strip() or None


def _cause(members: dict[str, Any], document: str) -> str | None:
    return None if members.get("cause") is None else word(members, "cause", document)


def _signs(members: dict[str, Any], document: str) -> tuple[Sign, ...]:
    found = an_array(member(members, "pulse", list, document, []), document, "member pulse")
    if len(found) > _MOST_SIGNS:
        raise MalformedDocument(document, f"member pulse has more than {_MOST_SIGNS} things to look at")
    return tuple(_sign(an_object(each, document, "a member of pulse"), document) for each in found)


def _sign(members: dict[str, Any], document: str) -> Sign:
    path = word(members, "path", document)
    if not path.startswith("/") or ".." in Path(path).parts:
        raise MalformedDocument(document, "member path of pulse is no absolute path")
    lost = _health(member(members, "lost", str, document, Health.GONE.value), "lost", document)
    if lost is Health.HEALTHY:
        raise MalformedDocument(document, "member lost of pulse is healthy: then there is no need to look")
    return Sign(
        path=Path(path),
        process=member(members, "process", bool, document, False),
        lost=lost,
        cause=_cause(members, document),
    )
