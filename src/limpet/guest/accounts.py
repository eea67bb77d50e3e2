"""The user that the media asks for, and just-in-time users: made, kept or refused. Source: guest-setup.md §A.4, §A.4.4.

useradd writes its files one after the other and makes the home folder last, so a note is left on the disk while it works: a
user that is there although the note says "being made" is completed. A user of the image is kept as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.names import user_name_problem
from limpet.guest.passwd import NOBODY, Group, Shadow, User
from limpet.guest.steps import MakeFolder, Remove, Run, Task, Write

if TYPE_CHECKING:
    from limpet.guest.steps import Step

ACCOUNT = "account"
SKELETON = Path("/etc/skel")
_ADVICE_NAME = "Ask for another user name."


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountWish:
    """Who is to have an account.

    home_dir: the parent of home folders. groups: supplementary ones, as far as the machine has them. allow_system: whether
    a system account may be taken (accounts.allow_reset_sys_user). expires: the first day on which nobody logs in any more,
    in days since 1970. comment: the GECOS field of a new user. note: where it is noted that the user is being made.
    """

    name: str
    home_dir: Path
    groups: tuple[str, ...] = ()
    allow_system: bool = False
    expires: int | None = None
    comment: str | None = None
    note: Path = Path("/var/lib/limpet/account")


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountFacts:
    """What the machine says. home_owner: the uid that owns the user's home (see `home_of`), None where there is no home.

    noted: what the note says, None without one. shell, uid_min and home_mode: for new users, of /etc/default/useradd and
    login.defs; expiring: whether new users get a day on which they expire. skeleton: whether there is something to begin a
    home with. stale_locks: of account files, left by a program that the power was cut under: no other gets past them.
    """

    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    shadows: tuple[Shadow, ...] = ()
    home_owner: int | None = None
    noted: str | None = None
    shell: str = "/bin/sh"
    uid_min: int = 1000
    home_mode: int = 0o755
    expiring: bool = False
    skeleton: bool = True
    stale_locks: tuple[Path, ...] = ()

    def user(self, name: str) -> User | None:
        """The user of that name."""
        return next((user for user in self.users if user.name == name), None)

    def shadow(self, name: str) -> Shadow | None:
        """The user's line in the shadow file."""
        return next((shadow for shadow in self.shadows if shadow.name == name), None)

    def shadow_to_be(self, name: str) -> Shadow | None:
        """The same once the account is there: useradd locks the password of whom it makes. Source: useradd(8), ``-p``."""
        found = self.shadow(name)
        return Shadow(name=name, hash="!") if found is None and self.user(name) is None else found


def home_of(name: str, users: tuple[User, ...], home_dir: Path) -> Path:
    """Where the user's home is, or will be."""
    user = next((user for user in users if user.name == name), None)
    return Path(user.home) if user is not None and user.home.startswith("/") else home_dir / name


def is_system(user: User, uid_min: int) -> bool:
    """Whether an account belongs to the system and not to a person."""
    return user.uid < uid_min or user.uid == NOBODY


def account_problem(wish: AccountWish, facts: AccountFacts) -> str | None:
    """Why there can be no such account, or it must not be touched; None when all is well."""
    problem = user_name_problem(wish.name)
    if problem is not None:
        return problem
    user = facts.user(wish.name)
    if user is None:
        if wish.name == "root" and not wish.allow_system:
            return "root is a system account"
        return None
    if user.uid == 0 and user.name != "root":
        return f"{user.name} is another name of root (its user id is 0)"
    if is_system(user, facts.uid_min) and not wish.allow_system:
        return f"{user.name} is a system account (user id {user.uid}, below {facts.uid_min} or nobody's)"
    return None


def plan_account(wish: AccountWish, facts: AccountFacts) -> Task:
    """Make the user, complete one whose making was cut short, or keep the one that is there."""
    problem = account_problem(wish, facts)
    if problem is not None:
        shown = wish.name if user_name_problem(wish.name) is None else ascii(wish.name[:40])
        return Task(name=ACCOUNT, purpose=f"make the user {shown}", problem=problem, advice=_ADVICE_NAME)
    user = facts.user(wish.name)
    steps = _new(wish, facts) if user is None else _existing(wish, facts, user)
    unlocking = (Remove(path) for path in facts.stale_locks)
    return Task(name=ACCOUNT, purpose=f"make the user {wish.name}", steps=(*unlocking, *steps))


def _new(wish: AccountWish, facts: AccountFacts) -> list[Step]:
    home = home_of(wish.name, facts.users, wish.home_dir)
    argv = ["useradd", "-m", "-d", str(home), "-s", facts.shell]
    if any(group.name == wish.name for group in facts.groups):
        argv += ["-g", wish.name]  # useradd would not make a group that is there
    groups = _there(wish.groups, facts)
    if groups:
        argv += ["-G", ",".join(groups)]
    if wish.expires is not None:
        argv += ["-e", _date(wish.expires)]
    elif facts.expiring:
        argv += ["-e", ""]  # the day may be past, and nobody has asked for one
    if wish.comment is not None:
        argv += ["-c", wish.comment]
    make = Run((*argv, wish.name))
    if facts.home_owner is not None:  # useradd leaves a home that is there as it is
        take_over = [_take_over(wish.name, home)] if _ownerless(facts) and _is_usual(home, wish) else []
        return [make, *take_over]
    return [
        MakeFolder(wish.note.parent, mode=0o700),
        Write(wish.note, f"{wish.name}\n".encode(), mode=0o600),
        make,
        Remove(wish.note),
    ]


def _existing(wish: AccountWish, facts: AccountFacts, user: User) -> list[Step]:
    home = Path(user.home)
    ours = _is_usual(home, wish) and not is_system(user, facts.uid_min)
    noted = facts.noted == wish.name
    steps: list[Step] = []
    if ours and not any(group.gid == user.gid for group in facts.groups):
        steps.append(Run(("groupadd", "-g", str(user.gid), wish.name)))
    if ours and facts.shadows and facts.shadow(wish.name) is None:
        steps.append(Run(("chpasswd", "-e"), stdin=f"{wish.name}:!\n".encode()))  # gives it a line, locked
    if ours and noted:
        steps += [
            MakeFolder(home),
            *([Run(("cp", "-a", f"{SKELETON}/.", str(home)))] if facts.skeleton else []),
            _take_over(wish.name, home),
        ]
        if facts.home_mode != 0o755:
            steps.append(Run(("chmod", f"{facts.home_mode:04o}", str(home))))
    elif ours and facts.home_owner is None:
        steps.append(MakeFolder(home, mode=facts.home_mode, owner=wish.name))
    elif ours and _ownerless(facts):
        steps.append(_take_over(wish.name, home))
    missing = [group for group in _there(wish.groups, facts) if not _belongs(user, group, facts)]
    if missing:
        steps.append(Run(("usermod", "-a", "-G", ",".join(missing), wish.name)))
    shadow = facts.shadow(wish.name)
    if wish.expires is not None and (shadow is None or shadow.expires != wish.expires):
        steps.append(Run(("usermod", "-e", _date(wish.expires), wish.name)))
    if facts.noted is not None:
        steps.append(Remove(wish.note))
    return steps


def _take_over(name: str, home: Path) -> Run:
    return Run(("chown", "-hR", f"{name}:", str(home)), timeout=300.0)


def _is_usual(home: Path, wish: AccountWish) -> bool:
    """Whether it is a place for homes: other folders are never given away."""
    return home.parent == wish.home_dir and ".." not in home.parts


def _ownerless(facts: AccountFacts) -> bool:
    """Whether the home is there and is nobody's: root's, or that of a user who is gone."""
    owner = facts.home_owner
    return owner is not None and (owner == 0 or all(user.uid != owner for user in facts.users))


def _there(groups: tuple[str, ...], facts: AccountFacts) -> list[str]:
    names = {group.name for group in facts.groups}
    return [group for group in groups if group in names]


def _belongs(user: User, name: str, facts: AccountFacts) -> bool:
    return any(
        group.name == name and (group.gid == user.gid or user.name in group.members) for group in facts.groups
    )


def _date(days: int) -> str:
    """A day as useradd takes it. Days since 1970 to year-month-day of the Gregorian calendar."""
    from datetime import date, timedelta  # noqa: PLC0415 - only just-in-time users expire

    return (date(1970, 1, 1) + timedelta(days=days)).isoformat()
