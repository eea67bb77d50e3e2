"""Reading JSON bodies against a table of their members, so that a slip is answered by its place and a hint."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from limpet.emulator.admin.problems import Problem
from limpet.model.errors import MalformedDocument
from limpet.wire import jsondoc

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_BODY = 4 * 1024 * 1024
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One member of an object. type: of JSON Schema; empty for anything. choices: the words a string may be.

    items: the members of the objects in an array, or of an object. nullable: whether null may be given.
    """

    name: str
    type: str
    about: str
    required: bool = False
    nullable: bool = False
    choices: tuple[str, ...] = ()
    items: tuple[Member, ...] = ()
    item_type: str = ""

    def schema(self) -> dict[str, Any]:
        """The member in JSON Schema."""
        found: dict[str, Any] = {"description": self.about}
        if self.type:
            found["type"] = [self.type, "null"] if self.nullable else self.type
        if self.choices:
            found["enum"] = [*self.choices, None] if self.nullable else list(self.choices)
        if self.type == "array":
            found["items"] = object_schema(self.items) if self.items else {"type": self.item_type or "string"}
        elif self.items:
            found |= {key: value for key, value in object_schema(self.items).items() if key != "type"}
        return found


def object_schema(members: tuple[Member, ...]) -> dict[str, Any]:
    """An object with these members and no others, in JSON Schema."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {member.name: member.schema() for member in members},
        "required": [member.name for member in members if member.required],
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """A JSON object that was checked against its members."""

    members: Mapping[str, Any] = field(hash=False)
    where: str

    def get(self, name: str, default: Any = None) -> Any:
        """The member's value, or `default` when it was not given."""
        return self.members.get(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def refuse(self, name: str, what: str, todo: str) -> Problem:
        """A problem with the member called `name`."""
        return Problem(422, what, where=f"{self.where}.{name}", todo=todo)


def read_object(raw: bytes, members: tuple[Member, ...]) -> Body:
    """A request's body. An empty one counts as an object without members. Raises: Problem."""
    if len(raw) > LARGEST_BODY:
        raise Problem(
            413, f"the body has {len(raw)} bytes", where="body", todo=f"send at most {LARGEST_BODY} bytes"
        )
    try:
        value = jsondoc.parse(raw, "the body") if raw.strip() else {}
    except MalformedDocument as error:
        raise Problem(400, str(error), where="body", todo="send one JSON object") from error
    return check(value, members, "body")


def check(value: Any, members: tuple[Member, ...], where: str) -> Body:
    """`value` as an object with these members and no others. Raises: Problem."""
    if not isinstance(value, dict):
        raise Problem(
            422, f"{where} is not an object", where=where, todo=f"send an object with {_names(members)}"
        )
    known = {member.name: member for member in members}
    for name in value:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            todo = f"did you mean {near[0]!r}?" if near else f"known members are {_names(members)}"
            raise Problem(422, f"{name!r} is not known", where=f"{where}.{name}"[:200], todo=todo)
    for member in members:
        if member.required and member.name not in value:
            raise Problem(422, f"{member.name!r} is missing", where=where, todo=member.about)
        if member.name in value:
            _check_member(value[member.name], member, f"{where}.{member.name}")
    return Body(members=value, where=where)


def _check_member(value: Any, member: Member, where: str) -> None:
    if value is None and member.nullable:
        return
    if member.type:
        wanted = _TYPES[member.type]
        fits = isinstance(value, wanted) and (member.type == "boolean" or not isinstance(value, bool))
        if not fits:
            raise Problem(
                422, f"{member.name!r} is not of type {member.type}", where=where, todo=member.about
            )
    if member.choices and value not in member.choices:
        raise Problem(
            422, f"{str(value)[:60]!r} is not known", where=where, todo=f"one of {', '.join(member.choices)}"
        )
    if member.type == "array":
        for number, item in enumerate(value):
            place = f"{where}[{number}]"
            if member.items:
                check(item, member.items, place)
            elif member.item_type and not isinstance(item, _TYPES[member.item_type]):
                raise Problem(
                    422, f"the item is not of type {member.item_type}", where=place, todo=member.about
                )
    elif member.items:
        check(value, member.items, where)


def _names(members: tuple[Member, ...]) -> str:
    return ", ".join(member.name for member in members) or "no members"
