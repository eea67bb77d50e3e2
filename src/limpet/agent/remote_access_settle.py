"""What the worker does for just-in-time users: decides, opens passwords, makes and removes accounts. Source: guest-setup.md §A.4.4.

A password is opened before its account is made, and an account that fails on the way is removed: nobody is left with half a one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from limpet.guest.account_removal import plan_home_removal, plan_removal
from limpet.guest.accounts import AccountWish, plan_account
from limpet.guest.jit_users import COMMENT, decide, password_of
from limpet.guest.passwords import PasswordWish, plan_password
from limpet.guest.steps import Run, Task
from limpet.guest.sudo import plan_sudo
from limpet.host.facts import accounts, sudo
from limpet.model.errors import HostError
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.guest.accounts import AccountFacts
    from limpet.guest.jit_users import JitUser
    from limpet.guest.passwords import Crypt
    from limpet.host.apply import Interpreter
    from limpet.model.remoteaccess import RemoteAccess

NOTE = Path("/var/lib/limpet/jit-account")
_NOBODY_RUNS, _NO_PROGRAM = 1, 127


class Key(Protocol):
    """What opens a password."""

    def opened(self, sealed: bytes) -> Secret[bytes]:
        """The plain content. Raises: HostError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hands:
    """What the work is done with. home_dir: parent of homes; sudoers: the folder of sudo's rules."""

    interpreter: Interpreter
    key: Key
    crypt: Crypt
    home_dir: Path = Path("/home")
    sudoers: Path = Path("/etc/sudoers.d")


@dataclass(kw_only=True, slots=True)
class Settled:
    """What came of it. problems: of the list's; failures: of this machine's, worth another try. Both by user."""

    made: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    soonest: int | None = None

    def answer(self) -> dict[str, Any]:
        """As the resident agent reads it."""
        return {
            "made": self.made,
            "removed": self.removed,
            "problems": self.problems,
            "failures": self.failures,
            "soonest": self.soonest,
        }


def settle(access: RemoteAccess, hands: Hands) -> Settled:
    """Make the accounts of this machine what the list says. Raises: HostError, when the accounts cannot be read."""
    now = hands.interpreter.clock.now()
    decision = decide(access, _facts(hands, ""), now)
    settled = Settled(problems=dict(decision.problems), soonest=decision.soonest)
    for name in decision.remove:
        problem = _remove(name, hands)
        gone = problem is None or _facts(hands, name).user(name) is None
        if gone:
            settled.removed.append(name)
        if problem is not None and gone:  # no later run knows of it any more: it is told, and not tried again
            settled.problems[name] = f"its account is gone, but not all that it has left: {problem}"
        elif problem is not None:
            settled.failures[name] = problem
    for user in decision.make:
        problem = _make(user, hands)
        if problem is None:
            settled.made.append(user.name)
        else:
            settled.failures[user.name] = problem
    for user in decision.keep:
        problem = _apply(_access_tasks(user, hands), hands)
        if problem is not None:
            settled.failures[user.name] = problem
    return settled


def _facts(hands: Hands, name: str, expires: int | None = None) -> AccountFacts:
    facts = accounts.look(hands.interpreter.files, _wish(name, hands, expires))
    if not facts.users:
        raise HostError(f"{accounts.PASSWD} cannot be read, or names nobody: no account is touched")
    return facts


def _wish(name: str, hands: Hands, expires: int | None = None) -> AccountWish:
    return AccountWish(name=name, home_dir=hands.home_dir, expires=expires, comment=COMMENT, note=NOTE)


def _make(user: JitUser, hands: Hands) -> str | None:
    """Make one account, or complete it. Gives the reason when that failed; then it is gone again."""
    try:
        password = _password(user, hands.key)
    except HostError as error:
        return f"the password: {error}"
    problem = _apply(_access_tasks(user, hands), hands)
    if problem is None:
        shadow = _facts(hands, user.name).shadow(user.name)
        wish = PasswordWish(user=user.name, password=password)
        problem = _apply([replace(plan_password(wish, shadow, hands.crypt), after=())], hands)
    if problem is not None:
        undone = _remove(user.name, hands) if _facts(hands, user.name).user(user.name) is not None else None
        return problem if undone is None else f"{problem}; and it cannot be removed: {undone}"
    return None


def _password(user: JitUser, key: Key) -> Secret[str]:
    """Raises: HostError, never with the password in it."""
    plain = key.opened(user.sealed)
    try:
        return Secret(password_of(plain.reveal()))
    except ValueError:
        raise HostError("it is not UTF-16 text") from None


def _access_tasks(user: JitUser, hands: Hands) -> list[Task]:
    """The account with its expiry, and the rule by which it may become root with its password."""
    return [
        plan_account(_wish(user.name, hands, user.last_day), _facts(hands, user.name, user.last_day)),
        plan_sudo(user.name, sudo.look(hands.interpreter.files, hands.sudoers), has_password=True),
    ]


def _remove(name: str, hands: Hands) -> str | None:
    """Remove one account with what still runs under it: its user id may be given to somebody else."""
    facts = _facts(hands, name)
    rules = sudo.look(hands.interpreter.files, hands.sudoers)
    tasks = [plan_removal(name, facts, rules)]
    user = facts.user(name)
    if user is not None and [other.uid for other in facts.users].count(user.uid) == 1:
        kill = Run(("pkill", "-KILL", "-U", str(user.uid)), accepted=(0, _NOBODY_RUNS, _NO_PROGRAM))
        tasks.append(
            Task(name="sessions", purpose=f"end what {name} runs", after=(tasks[0].name,), steps=(kill,))
        )
    tasks.append(plan_home_removal(name, facts, after=(tasks[0].name,)))
    return _apply(tasks, hands)


def _apply(tasks: list[Task], hands: Hands) -> str | None:
    failed = [outcome for outcome in hands.interpreter.apply(tasks) if outcome.failed]
    return failed[0].describe() if failed else None
