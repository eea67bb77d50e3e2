"""The user's password: hashed here, given to chpasswd on its input, never on a command line. Source: guest-setup.md §A.4.1.

A user for whom the media has no password gets a locked one: it logs in by key, and sudo does not ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from limpet.guest.accounts import ACCOUNT
from limpet.guest.names import user_name_problem
from limpet.guest.steps import Run, Task
from limpet.model.errors import HostError
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.guest.passwd import Shadow

PASSWORD = "password"  # noqa: S105 - a task's name
LOCKED, NO_PASSWORD = "!", "*"
"""No password fits either; but an sshd that does not ask PAM refuses whom the first one locks, with a key too. Source: sshd(8)."""

LONGEST = 511
"""Bytes that crypt(3) takes. Source: crypt(3), CRYPT_MAX_PASSPHRASE_SIZE."""

LONGEST_BCRYPT = 72
"""Bytes that bcrypt looks at; what is behind would not be asked for at login."""

_BCRYPT = frozenset({"2a", "2b"})


class Crypt(Protocol):
    """crypt(3) with a method and chance of its own."""

    @property
    def method(self) -> str:
        """The method of new hashes, as accounts.password_crypt_id names it."""

    def hashed(self, password: Secret[str]) -> str:
        """A new hash. Raises: HostError."""

    def verifies(self, password: Secret[str], hashed: str) -> bool:
        """Whether `hashed` is a hash of this password."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PasswordWish:
    """password is None where the media has none. pam: whether sshd asks PAM who may log in."""

    user: str
    password: Secret[str] | None
    pam: bool = True


def password_problem(password: Secret[str], method: str) -> str | None:
    """Why this cannot be a password; None when it can. The password itself is never in the answer."""
    text = password.reveal()
    if not text:
        return "the password is empty"
    if "\0" in text:
        return "the password has a NUL character in it, where every program takes it to end"
    if "\n" in text or "\r" in text:
        return "the password has a line break in it, which cannot be typed at a login"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "the password has characters that are not Unicode"
    longest = LONGEST_BCRYPT if method in _BCRYPT else LONGEST
    if size > longest:
        return f"the password has {size} bytes; at most {longest} are possible with method {method}"
    return None


def plan_password(wish: PasswordWish, shadow: Shadow | None, crypt: Crypt) -> Task:
    """Set the password where it is not set yet, or lock it. shadow: the user's line, also one that useradd will make; None for none."""
    if user_name_problem(wish.user) is not None:
        return Task(name=PASSWORD, purpose="set the user's password", after=(ACCOUNT,))
    if wish.password is None:
        return _locked(wish, shadow)
    purpose = f"set the password of {wish.user}"
    problem = password_problem(wish.password, crypt.method)
    if problem is not None:
        return Task(
            name=PASSWORD,
            purpose=purpose,
            after=(ACCOUNT,),
            problem=problem,
            advice="Choose another password.",
        )
    if shadow is not None and crypt.verifies(wish.password, shadow.hash):
        return Task(name=PASSWORD, purpose=purpose, after=(ACCOUNT,))
    try:
        hashed = crypt.hashed(wish.password)
    except HostError as error:
        advice = "Choose another method by accounts.password_crypt_id."
        return Task(name=PASSWORD, purpose=purpose, after=(ACCOUNT,), problem=str(error), advice=advice)
    return Task(name=PASSWORD, purpose=purpose, after=(ACCOUNT,), steps=(_set(wish.user, hashed),))


def _locked(wish: PasswordWish, shadow: Shadow | None) -> Task:
    """Lock the password, also one that the image has: the media's user has none."""
    marks = (LOCKED, NO_PASSWORD) if wish.pam else (NO_PASSWORD,)
    is_locked = shadow is not None and shadow.hash.startswith(marks)
    steps = () if is_locked else (_set(wish.user, marks[0]),)
    return Task(name=PASSWORD, purpose=f"lock the password of {wish.user}", after=(ACCOUNT,), steps=steps)


def _set(user: str, hashed: str) -> Run:
    return Run(("chpasswd", "-e"), stdin=Secret(f"{user}:{hashed}\n".encode()))
