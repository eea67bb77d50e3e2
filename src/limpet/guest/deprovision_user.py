"""Removing the provisioned user and just-in-time ones, with home and sudo rules. Source: guest-setup.md §A.4, §A.9.1; its §L, defects 19 and 20."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from limpet.guest.passwd import NOBODY
from limpet.guest.steps import Remove, Run, Task, Write
from limpet.guest.sudo import without_rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from limpet.guest.steps import Step


@dataclass(frozen=True, kw_only=True, slots=True)
class UserFacts:
    """The user that ovf-env.xml names, or with `jit` one whom the platform let in for a while.

    name is None when that cannot be read: problem says why. uid and home are None when there is no such account.
    uid_min: the least id of a person's account. home_dir: where homes are. homes: those of the other accounts.
    home_there: whether anything is at its home. mail: its mailbox, when there is one. sudoers: files of rules, by path.
    """

    name: str | None
    problem: str | None = None
    uid: int | None = None
    uid_min: int = 1000
    home: Path | None = None
    home_dir: Path | None = None
    homes: tuple[Path, ...] = ()
    home_there: bool = False
    mail: Path | None = None
    sudoers: Mapping[Path, bytes] = field(default_factory=dict)
    jit: bool = False

    @property
    def kind(self) -> str:
        """What it is called, for people."""
        return "just-in-time user" if self.jit else "user"

    @property
    def system(self) -> bool:
        """Whether it is an account of the system, which is never removed."""
        return self.uid is not None and (self.uid < self.uid_min or self.uid == NOBODY)

    @property
    def refusal(self) -> str | None:
        """Why it cannot be removed at all; None when it can."""
        if self.problem is not None:
            return self.problem
        if self.system:
            return f"{self.name} is an account of the system (id {self.uid}), and these are never deleted"
        return None

    @property
    def home_kept(self) -> str | None:
        """Why its home stays; None when it goes."""
        home = self.home
        if home is None or self.home_dir is None:
            return "it is not known"
        if ".." in home.parts or self.home_dir not in home.parents:
            return f"it is not below {self.home_dir}"
        shared = [other for other in self.homes if other == home or home in other.parents]
        return f"{shared[0]} is the home of another account" if shared else None

    @property
    def kept(self) -> str | None:
        """What of the user stays, for people."""
        if self.name is not None and self.uid is None:
            return f"The user {self.name} is not there any more."
        if self.uid is not None and not self.system and self.home_kept and self.home_there:
            return f"{self.home} will stay: {self.home_kept}."
        return None

    def losses(self) -> Iterator[str]:
        """What will be lost, for people."""
        if self.uid is not None and not self.system:
            home = f" and all in {self.home}" if self.home_there and self.home_kept is None else ""
            yield f"The {self.kind} {self.name}{home} will be deleted."
        changed = [
            str(path)
            for path, content in self.sudoers.items()
            if without_rules(content, self.name) != content
        ]
        if changed and not self.system:
            yield f"The sudo rules of {self.name} will be deleted from {', '.join(changed)}."


def plan_users(users: Iterable[UserFacts]) -> Iterator[Task]:
    """One after the other: their rules may be in the same files."""
    written: dict[Path, bytes] = {}
    for facts in users:
        now = replace(facts, sudoers={**facts.sudoers, **written})
        yield from plan_user(now)
        if facts.name is not None and facts.refusal is None:
            written = {path: without_rules(content, facts.name) for path, content in now.sudoers.items()}


def plan_user(facts: UserFacts) -> Iterator[Task]:
    """Its sudo rules first, then what it owns, then the account: whatever is left after a power cut can still be found."""
    advice = "Look at the account and remove it by hand: userdel --remove NAME."
    purpose = f"delete the {facts.kind} {facts.name}" if facts.name else "delete the provisioned user"
    task = f"jit/{facts.name}" if facts.jit else "user"
    if facts.name is None or facts.refusal is not None:
        yield Task(
            name=task, purpose=purpose, problem=facts.refusal or "its name is not known", advice=advice
        )
        return
    steps: list[Step] = []
    for path, content in facts.sudoers.items():
        rest = without_rules(content, facts.name)
        if rest != content:
            steps.append(
                Write(path=path, content=rest, mode=0o440) if _has_rules(rest) else Remove(path=path)
            )
    if facts.uid is not None:
        if facts.home is not None and facts.home_there and facts.home_kept is None:
            steps.append(Remove(path=facts.home))
        if facts.mail is not None:
            steps.append(Remove(path=facts.mail))
        # --force: whoever runs this is often logged in as that very user.
        steps.append(Run(("userdel", "--force", facts.name)))
    yield Task(name=task, purpose=purpose, steps=tuple(steps), advice=advice)


def _has_rules(content: bytes) -> bool:
    return any(line.strip() and not line.lstrip().startswith(b"#") for line in content.splitlines())
