"""The rule by which the user may become root: a line of one file in sudoers.d. Source: guest-setup.md §A.4.3."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.accounts import ACCOUNT
from limpet.guest.names import user_name_problem
from limpet.guest.steps import MakeFolder, Remove, Task, Write

if TYPE_CHECKING:
    from limpet.guest.steps import Step

SUDO = "sudo"
RULES = "waagent"
"""The file in the folder; its name is what other agents and images' scripts know."""

RULES_MODE = 0o440
_DEFAULTS = "Defaults"
_OTHERS_PASSWORD = ("targetpw", "rootpw", "runaspw")
"""Flags of sudoers(5) by which sudo asks for another's password than the user's: root's, which is locked."""
_ALIAS = re.compile(r"[A-Z][A-Z0-9_]*\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class SudoFacts:
    """The rules as they are.

    folder: accounts.sudoers_dir. rules: our file's content, None where there is none. main: that of the sudoers file beside
    the folder. The modes are those files' permissions. problem: why one of them cannot be read: then nothing is changed.
    """

    folder: Path
    folder_exists: bool = True
    rules: bytes | None = None
    rules_mode: int = RULES_MODE
    main: bytes | None = None
    main_mode: int = RULES_MODE
    problem: str | None = None

    @property
    def rules_path(self) -> Path:
        """Our file."""
        return self.folder / RULES

    @property
    def main_path(self) -> Path:
        """The file that includes the folder."""
        return self.folder.parent / "sudoers"


def rule(user: str, *, has_password: bool) -> str:
    """The line. A name that looks like an alias stands in quotes, so that it is never taken for one."""
    return f"{_written(user)} ALL=(ALL) {'ALL' if has_password else 'NOPASSWD: ALL'}"


def plan_sudo(user: str, facts: SudoFacts, *, has_password: bool) -> Task:
    """Put the user's rule in place of what the file says of it; other users' rules stay."""
    if user_name_problem(user) is not None:
        return Task(name=SUDO, purpose="let the user become root", after=(ACCOUNT,))
    if facts.problem is not None:
        return Task(name=SUDO, purpose=f"let {user} become root", after=(ACCOUNT,), problem=facts.problem)
    wanted = [rule(user, has_password=has_password).encode()]
    if has_password and _asks_for_anothers(facts.main or b""):
        flags = ", ".join(f"!{flag}" for flag in _OTHERS_PASSWORD)
        wanted.insert(0, f"{_DEFAULTS}:{_written(user)} {flags}".encode())
    mine, kept = _parted(facts.rules or b"", user)
    steps: list[Step] = []
    if not facts.folder_exists:
        steps.append(MakeFolder(facts.folder, mode=0o750))
    if [line.strip() for line in mine] != wanted or facts.rules_mode != RULES_MODE:
        steps.append(Write(facts.rules_path, _ended(kept) + b"\n".join(wanted) + b"\n", mode=RULES_MODE))
    if facts.main is not None and not _includes(facts.main, facts.folder):
        addition = f"#includedir {facts.folder}\n".encode()
        steps.append(Write(facts.main_path, _ended(facts.main) + addition, mode=facts.main_mode))
    return Task(name=SUDO, purpose=f"let {user} become root", after=(ACCOUNT,), steps=tuple(steps))


def without_user(user: str, facts: SudoFacts) -> tuple[Step, ...]:
    """Take the user's rules out, by the first field of each line; a file without any rule left is removed."""
    if facts.rules is None:
        return ()
    mine, kept = _parted(facts.rules, user)
    if not mine:
        return ()
    if not kept.strip():
        return (Remove(facts.rules_path),)
    return (Write(facts.rules_path, kept, mode=RULES_MODE),)


def without_rules(content: bytes, user: str | None) -> bytes:
    """A file of rules without those whose first word is exactly `user`, in quotes or not, continued lines included."""
    return content if user is None else _parted(content, user)[1]


def _parted(content: bytes, user: str) -> tuple[list[bytes], bytes]:
    """The user's lines, one that is continued with what continues it; and all others."""
    mine: list[bytes] = []
    kept = b""
    dropping = continued = False
    for line in content.splitlines(keepends=True):
        if not continued:
            dropping = _speaks_of(line, user)
        if not dropping:
            kept += line
        elif continued:
            mine[-1] += line
        else:
            mine.append(line)
        continued = line.rstrip(b"\r\n").endswith(b"\\")
    return mine, kept


def _written(user: str) -> str:
    return f'"{user}"' if _ALIAS.match(user) else user


def _speaks_of(line: bytes, user: str) -> bool:
    first = line.split(None, 1)[:1]
    names = (user, f'"{user}"')
    return first in [[f"{prefix}{name}".encode()] for prefix in ("", f"{_DEFAULTS}:") for name in names]


def _asks_for_anothers(content: bytes) -> bool:
    """Whether one of the flags is set for everybody; the last word on each counts."""
    said: dict[str, bool] = {}
    for line in content.decode("utf-8", "replace").replace("\\\n", " ").splitlines():
        first, *words = re.split(r"[\s,]+", line.partition("#")[0].strip())
        for word in words if first == _DEFAULTS else ():
            said[word.lstrip("!")] = not word.startswith("!")
    return any(said.get(flag, False) for flag in _OTHERS_PASSWORD)


def _ended(content: bytes) -> bytes:
    """With the end of a line at its end, also where the last one is to be continued and is not."""
    if content and not content.endswith(b"\n"):
        content += b"\n"
    return content + b"\n" if content.endswith(b"\\\n") else content


def _includes(content: bytes, folder: Path) -> bool:
    for line in content.decode("utf-8", "replace").splitlines():
        words = line.split(None, 1)
        if (
            len(words) == 2
            and words[0] in {"#includedir", "@includedir"}
            and Path(words[1].strip()) == folder
        ):
            return True
    return False
