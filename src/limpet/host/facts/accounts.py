"""Who has an account, and what new users get."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.accounts import SKELETON, AccountFacts, home_of
from limpet.guest.passwd import number, parse_group, parse_passwd, parse_shadow, parse_words
from limpet.host.facts.reading import is_there, text_of
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.guest.accounts import AccountWish
    from limpet.guest.passwd import User
    from limpet.host.ports import Files

PASSWD, GROUP, SHADOW = Path("/etc/passwd"), Path("/etc/group"), Path("/etc/shadow")
LOCKS = tuple(
    Path(f"/etc/{name}.lock") for name in ("passwd", "group", "gshadow", "shadow", "subuid", "subgid")
)
"""What programs of the account database keep each other out by. Source: shadow, commonio."""
LOGIN_DEFS, USERADD = Path("/etc/login.defs"), Path("/etc/default/useradd")
_STAT = Path("/proc/stat")
_BASH, _PLAIN = "/bin/bash", "/bin/sh"
_LARGEST = 4 * 1024 * 1024


def look(files: Files, wish: AccountWish) -> AccountFacts:
    """Read the account files. A user that only another database knows is not seen: useradd refuses it, with its reason."""
    users = parse_passwd(text_of(files, PASSWD, at_most=_LARGEST) or "")
    defs = parse_words(text_of(files, LOGIN_DEFS, at_most=_LARGEST) or "")
    return AccountFacts(
        users=users,
        groups=parse_group(text_of(files, GROUP, at_most=_LARGEST) or ""),
        shadows=parse_shadow(text_of(files, SHADOW, at_most=_LARGEST) or ""),
        home_owner=_home_owner(files, wish, users),
        noted=text_of(files, wish.note),
        shell=_shell(files),
        uid_min=least_uid(defs),
        home_mode=_home_mode(defs),
        expiring=bool(_useradd(files).get("EXPIRE")),
        skeleton=is_there(files, Path(SKELETON)),
        stale_locks=tuple(path for path in LOCKS if _is_stale(files, path)),
    )


def least_uid(defs: Mapping[str, str]) -> int:
    """The least id of a person's account, by login.defs(5)."""
    found = number(defs.get("UID_MIN", ""))
    return 1000 if found is None else found


def _home_owner(files: Files, wish: AccountWish, users: tuple[User, ...]) -> int | None:
    try:
        info = files.info(home_of(wish.name, users, wish.home_dir))
    except (HostError, ValueError):  # a name with a NUL in it is no path
        return None
    return None if info is None else info.uid


def _is_stale(files: Files, path: Path) -> bool:
    """Whether a lock is older than this boot, or cut short: a program that works writes its id before it takes the name."""
    try:
        found = files.info(path)
        if found is None or not found.is_file:
            return False
        return not files.read(path, at_most=_LARGEST).strip(b"\0\n ") or found.modified < _boot(files)
    except (FileNotFoundError, HostError):
        return False


def _boot(files: Files) -> float:
    """When the kernel started, seconds since 1970; 0 where that is not known. Source: proc(5), btime."""
    for line in (text_of(files, _STAT, at_most=_LARGEST) or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "btime":
            return float(number(value) or 0)
    return 0.0


def _shell(files: Files) -> str:
    """What useradd is configured with, unless that is the plain shell: people expect bash where there is one."""
    chosen = _useradd(files).get("SHELL", _PLAIN)
    if chosen != _PLAIN and chosen.startswith("/") and is_there(files, Path(chosen)):
        return chosen
    return _BASH if is_there(files, Path(_BASH)) else _PLAIN


def _useradd(files: Files) -> Mapping[str, str]:
    """What it is configured with. Source: useradd(8)."""
    return parse_words(text_of(files, USERADD) or "")


def _home_mode(defs: Mapping[str, str]) -> int:
    """HOME_MODE, else what UMASK leaves. Source: login.defs(5)."""
    mode, mask = _octal(defs.get("HOME_MODE")), _octal(defs.get("UMASK"))
    if mode is not None:
        return mode
    return 0o755 if mask is None else 0o777 & ~mask


def _octal(text: str | None) -> int | None:
    return int(text, 8) & 0o777 if text and len(text) < 6 and set(text) <= set("01234567") else None
