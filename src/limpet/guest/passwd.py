"""The account database of a machine as values: passwd(5), group(5), shadow(5), login.defs(5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOBODY = 65534
_DIGITS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """One line of passwd(5). comment: the GECOS field."""

    name: str
    uid: int
    gid: int
    comment: str
    home: str
    shell: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """One line of group(5)."""

    name: str
    gid: int
    members: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Shadow:
    """One line of shadow(5). hash: the second field as it is. expires: days since 1970, None for never."""

    name: str
    hash: str
    expires: int | None = None


def parse_passwd(text: str) -> tuple[User, ...]:
    """Every usable line: not those that let another database in ("+"), nor what is damaged."""
    found = []
    for fields in _lines(text):
        if len(fields) == 7 and fields[0]:
            name, _, uid, gid, comment, home, shell = fields
            user, group = number(uid), number(gid)
            if user is not None and group is not None:
                found.append(User(name=name, uid=user, gid=group, comment=comment, home=home, shell=shell))
    return tuple(found)


def parse_group(text: str) -> tuple[Group, ...]:
    """Every usable line."""
    found = []
    for fields in _lines(text):
        if len(fields) == 4 and fields[0] and (gid := number(fields[2])) is not None:
            members = tuple(member for member in fields[3].split(",") if member)
            found.append(Group(name=fields[0], gid=gid, members=members))
    return tuple(found)


def parse_shadow(text: str) -> tuple[Shadow, ...]:
    """Every line with a name."""
    found = []
    for fields in _lines(text):
        if len(fields) >= 2 and fields[0]:
            expires = number(fields[7]) if len(fields) > 7 else None
            found.append(Shadow(name=fields[0], hash=fields[1], expires=expires))
    return tuple(found)


def number(text: str) -> int | None:
    """A number of these files; None for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None


def _lines(text: str) -> Iterator[list[str]]:
    """The fields of each. What Unicode calls a line's end may stand in somebody's name."""
    return (line.split(":") for line in text.split("\n"))


def parse_words(text: str) -> Mapping[str, str]:
    """The settings of login.defs(5) (``NAME value``) and of /etc/default/useradd (``NAME=value``)."""
    found = {}
    for line in text.splitlines():
        if line[:1] in {"", "#"}:  # most of them
            continue
        words = line.partition("#")[0].replace("=", " ", 1).split(None, 1)
        if len(words) == 2:
            found[words[0]] = words[1].strip().strip("\"'")
    return found
