"""What an appliance has beside a plain VM that must go before its disk becomes an image: its guest shell, and what its network OS knows.

What the platform's machine and the network OS's vendor put on the disk stays: images of the guest shell, programs, a base configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.steps import Remove, Run, Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.guest.forgetting import Forgetting

STATE = Path("/var/lib/limpet")
JOURNAL = STATE / "journal"
GUEST = STATE / "guest"
SHARE = GUEST / "share"
WANTED = GUEST / "wanted.json"
"""Whether an operator wants the guest shell to run: who ends it says no, and a copy of the disk must not hear that."""
GUEST_TASK = "guest-shell"
_TIME_TO_END = 180.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplianceFacts:
    """forgetting: what the network OS forgets; None on a plain VM. problem: why that is not known.

    mounted: what is mounted of a guest shell; None when nothing is. ending: the command that ends it. kept: what is in its store, but
    for its images and the share. shared: whether something is shared with it.
    """

    forgetting: Forgetting | None = None
    problem: str | None = None
    mounted: Path | None = None
    ending: tuple[str, ...] = ()
    kept: tuple[Path, ...] = ()
    shared: bool = False


def plan_network_os(facts: ApplianceFacts) -> tuple[Task, ...]:
    """Have the network OS forget."""
    if facts.problem is not None:
        return (
            Task(
                name="network-os",
                purpose="have the network OS forget what belongs to this VM",
                problem=facts.problem,
                advice="Put appliance.network_os and appliance.programs right in /etc/limpet.toml, and run this again.",
            ),
        )
    if facts.forgetting is None:
        return ()
    return tuple(replace(task, name=f"network-os/{task.name}") for task in facts.forgetting.tasks)


def plan_guest_shell(facts: ApplianceFacts) -> tuple[Task, ...]:
    """End the guest shell, and remove all that it has kept."""
    removals = [
        Task(name=f"guest/{path.name}", purpose=f"remove {path}", steps=(Remove(path=path),))
        for path in facts.kept
    ]
    if facts.mounted is None:
        return tuple(removals)
    ended = Task(
        name=GUEST_TASK,
        purpose="end the guest shell and forget what is in it",
        steps=(
            Run(facts.ending, timeout=_TIME_TO_END, shown="limpet guestshell destroy --all"),
            Remove(path=WANTED),
        ),
        after=("services",),
        advice="End it by hand (limpet guestshell destroy --all), and run this again.",
    )
    return (ended, *(replace(task, after=(GUEST_TASK,)) for task in removals))


def losses(facts: ApplianceFacts) -> Iterator[str]:
    """What will be lost, for the person who is asked."""
    if facts.forgetting is not None:
        for task in facts.forgetting.tasks:
            yield f"The network OS ({facts.forgetting.network_os}) will {task.purpose}."
    if facts.mounted is not None:
        yield "The guest shell will be ended, with its agent, its extensions and all that they have kept."
    for path in facts.kept:
        yield f"{path} will be deleted: the guest shell's."


def notes(facts: ApplianceFacts) -> Iterator[str]:
    """What stays."""
    if facts.forgetting is not None:
        yield from facts.forgetting.notes
    if facts.shared:
        yield "What is shared with the guest shell (guest-share on the appliance's flash) stays: look at what is in it."
