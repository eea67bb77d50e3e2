"""A just-in-time user deleted: its access first, then what it has left. Source: guest-setup.md §A.4."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.accounts import is_system
from limpet.guest.names import user_name_problem
from limpet.guest.steps import Remove, Run, Task
from limpet.guest.sudo import without_user

if TYPE_CHECKING:
    from limpet.guest.accounts import AccountFacts
    from limpet.guest.sudo import SudoFacts

_NO_SUCH_USER = 6  # userdel(8)


def plan_removal(name: str, facts: AccountFacts, sudo: SudoFacts) -> Task:
    """Take the user's sudo rule away, then the user; a system account is refused."""
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
        steps = (*steps, Run(("userdel", "-f", name), accepted=(0, _NO_SUCH_USER), timeout=300.0))
    return Task(name=task, purpose=purpose, steps=steps)


def plan_home_removal(name: str, facts: AccountFacts, *, after: tuple[str, ...]) -> Task:
    """Remove what a user who is gone has left: home and mailbox. facts: from before. after: tasks by which it went.

    Not by userdel, which goes into whatever is mounted in the home. A home that is not its own alone stays.
    """
    user = facts.user(name)
    steps: tuple[Remove, ...] = ()
    if user is not None and user_name_problem(name) is None and not is_system(user, facts.uid_min):
        home = Path(user.home)
        others = [Path(other.home) for other in facts.users if other.name != name]
        own = home.is_absolute() and home.name == name and len(home.parts) > 2 and ".." not in home.parts
        steps = (Remove(Path("/var/mail", name)),)
        if own and not any(home == other or home in other.parents for other in others):
            steps = (Remove(home), *steps)
    return Task(
        name="home",
        purpose=f"remove what {name[:40]!a} has left",
        steps=steps,
        after=after,
        advice="Unmount what is mounted in it, and remove it by hand.",
    )
