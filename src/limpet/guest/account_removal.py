"""A user deleted: just-in-time users that expired, and the provisioned one by ``deprovision +user``. Source: guest-setup.md §A.4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.accounts import is_system
from limpet.guest.names import user_name_problem
from limpet.guest.steps import Run, Task
from limpet.guest.sudo import without_user

if TYPE_CHECKING:
    from limpet.guest.accounts import AccountFacts
    from limpet.guest.sudo import SudoFacts

_NO_SUCH_USER = 6  # userdel(8)


def plan_removal(name: str, facts: AccountFacts, sudo: SudoFacts) -> Task:
    """Take the user's sudo rule away, then the user with its home; a system account is refused."""
    shown = name if user_name_problem(name) is None else ascii(name[:40])
    task, purpose = f"remove-{shown}", f"delete the user {shown}"
    problem = user_name_problem(name)
    user = facts.user(name)
    if problem is None and (name == "root" or (user is not None and is_system(user, facts.uid_min))):
        problem = f"{name} is a system account"
    if problem is not None:
        return Task(name=task, purpose=purpose, problem=problem, advice="System accounts are never deleted.")
    steps = without_user(name, sudo)
    if user is not None:
        steps = (*steps, Run(("userdel", "-f", "-r", name), accepted=(0, _NO_SUCH_USER), timeout=300.0))
    return Task(name=task, purpose=purpose, steps=steps)
