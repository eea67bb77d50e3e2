"""Just-in-time users: which are made, kept and removed. Source: guest-setup.md §A.4.4, wire-protocol.md §12.

They are recognised by their GECOS field; nobody else's account is ever touched. One that is there without a password was
left by a power cut or a failure: it is completed.
"""

from __future__ import annotations

import re
from calendar import monthrange, timegm
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.guest.accounts import is_system
from limpet.guest.names import user_name_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.guest.accounts import AccountFacts
    from limpet.guest.passwd import User
    from limpet.model.remoteaccess import RemoteAccess

COMMENT = "JIT_Account"
_DAY = 86400
_LAST = 253402300799  # 9999-12-31T23:59:59Z
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# As tolerant of letter case, blanks and leading zeros as the peer's reader.
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),\s+(\d\d?)\s+([A-Z]{3})\s+(\d{4})\s+(\d\d?):(\d\d?):(\d\d?)\s+(?:GMT|UTC)\Z",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class JitUser:
    """One who has, or is to have, an account. expires: seconds since 1970. sealed: the password, encrypted (CMS, DER)."""

    name: str
    expires: int
    sealed: bytes

    @property
    def last_day(self) -> int:
        """The account's expiry for useradd, in days since 1970: a day after the access ends."""
        return self.expires // _DAY + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """make: those who need an account, or at least its password. keep: those whose account stays. remove: names of ours.

    problems: why a listed user gets nothing, by name. soonest: when the next account is to be removed, seconds since 1970.
    """

    make: tuple[JitUser, ...] = ()
    keep: tuple[JitUser, ...] = ()
    remove: tuple[str, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    soonest: int | None = None


def expiration(text: str) -> int | None:
    """A date such as ``Tue, 01 Jan 2030 00:00:00 GMT`` in seconds since 1970; None for any other form. Source: §12."""
    match = _DATE.match(text)
    if match is None or match[2].title() not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(match[number]) for number in (1, 3, 4, 5, 6))
    if not (year >= 1970 and hour < 24 and minute < 60 and second < 61):
        return None
    month = _MONTHS.index(match[2].title()) + 1
    if not 1 <= day <= monthrange(year, month)[1]:
        return None
    found = timegm((year, month, day, hour, minute, second))
    return found if found <= _LAST else None


def is_jit(user: User, uid_min: int) -> bool:
    """Whether an account is one of ours. Somebody may have added a room number to the field."""
    return user.comment.split(",")[0] == COMMENT and not is_system(user, uid_min)


def decide(access: RemoteAccess, facts: AccountFacts, now: float) -> Decision:
    """Compare the list with the accounts. now: seconds since 1970."""
    ours = {user.name for user in facts.users if is_jit(user, facts.uid_min)}
    make: list[JitUser] = []
    keep: list[JitUser] = []
    problems: dict[str, str] = {}
    expired: set[str] = set()
    seen: set[str] = set()
    for user in access.users:
        name = user.name
        if name in seen:
            problems[name] = "it is listed twice; the first entry counts"
            continue
        seen.add(name)
        expires = expiration(user.expiration)
        problem = user.invalid or _problem(name, facts, ours)
        if problem is None and expires is None:
            problem = f"its expiration is not a date such as 'Tue, 01 Jan 2030 00:00:00 GMT': {user.expiration[:60]!r}"
        if problem is not None or expires is None:
            problems[name if user_name_problem(name) is None else ascii(name[:40])] = problem or ""
            continue
        found = JitUser(name=name, expires=expires, sealed=user.encrypted_password)
        if expires <= now:
            expired.add(name)
        elif name in ours and not _unfinished(name, facts):
            keep.append(found)
        else:
            make.append(found)
    return Decision(
        make=tuple(make),
        keep=tuple(keep),
        remove=tuple(sorted(ours & expired | ours - seen)),
        problems=problems,
        soonest=min((user.expires for user in (*make, *keep)), default=None),
    )


def _problem(name: str, facts: AccountFacts, ours: set[str]) -> str | None:
    problem = user_name_problem(name)
    if problem is None and facts.user(name) is not None and name not in ours:
        return "there is another account of that name, which is left as it is"
    return problem


def _unfinished(name: str, facts: AccountFacts) -> bool:
    shadow = facts.shadow(name)
    return facts.noted == name or shadow is None or not shadow.hash or shadow.hash.startswith(("!", "*"))


def password_of(plain: bytes) -> str:
    """The text of a decrypted password, which is UTF-16LE. Raises: ValueError. Source: wire-protocol.md §12."""
    return plain.decode("utf-16-le").removeprefix("\ufeff")
