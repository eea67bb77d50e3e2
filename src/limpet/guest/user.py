"""Everything that makes the media's user able to log in and to become root, as one plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.guest.accounts import plan_account
from limpet.guest.passwords import PasswordWish, plan_password
from limpet.guest.ssh_keys import plan_ssh_keys
from limpet.guest.sudo import plan_sudo

if TYPE_CHECKING:
    from limpet.guest.accounts import AccountFacts, AccountWish
    from limpet.guest.passwords import Crypt
    from limpet.guest.ssh_keys import KeyFacts, KeyWish
    from limpet.guest.steps import Task
    from limpet.guest.sudo import SudoFacts
    from limpet.model.secret import Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class UserWish:
    """account: who. password: None where the media has none. keys: how it logs in by key. pam: see `PasswordWish`."""

    account: AccountWish
    password: Secret[str] | None
    keys: KeyWish
    pam: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class UserFacts:
    """What the machine says of the user."""

    account: AccountFacts
    sudo: SudoFacts
    keys: KeyFacts


def plan_user(wish: UserWish, facts: UserFacts, crypt: Crypt, *, resumed: bool = False) -> tuple[Task, ...]:
    """Account, password, sudo rule and keys; for a user who cannot be made, or must not be touched, only why.

    resumed: the wish is what a start that was cut short has kept, which is all but the password: a hash that is there stays.
    """
    name = wish.account.name
    account = plan_account(wish.account, facts.account)
    if account.problem is not None:
        return (account,)
    tasks, has_password = [account], wish.password is not None
    if resumed and _has_hash(name, facts.account):
        has_password = True
    else:
        password = PasswordWish(user=name, password=wish.password, pam=wish.pam)
        tasks.append(plan_password(password, facts.account.shadow_to_be(name), crypt))
    tasks.append(plan_sudo(name, facts.sudo, has_password=has_password))
    return (*tasks, *plan_ssh_keys(wish.keys, facts.keys))


def _has_hash(name: str, facts: AccountFacts) -> bool:
    found = facts.shadow(name)
    return found is not None and found.hash.startswith("$")
