"""What must go before a disk becomes an image: identity, secrets, and traces of the VM it was. Source: guest-setup.md §A.9.1.

The user is removed before the library is emptied, because ovf-env.xml in it says who that is: a run that was cut short is
completed by another. A task for each entry of a folder: one that cannot be removed must not keep the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest import deprovision_appliance
from limpet.guest.deprovision_appliance import ApplianceFacts
from limpet.guest.deprovision_user import UserFacts, plan_users
from limpet.guest.host_name import HostNameFacts, plan_host_name
from limpet.guest.steps import Remove, Run, Task, Write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from limpet.guest.steps import Step

NAMELESS = "localhost.localdomain"
MACHINE_ID = Path("/etc/machine-id")
OVF = "ovf-env.xml"
ACCOUNT_COPIES = tuple(
    Path(f"/etc/{name}-") for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")
)
"""What programs of the account database leave of it from before a change: users who are gone are in them, with their passwords."""

# fmt: off
_SYSTEM = frozenset({
    "/", "/bin", "/boot", "/dev", "/etc", "/etc/ssh", "/home", "/lib", "/lib32", "/lib64", "/media", "/mnt", "/opt", "/proc",
    "/root", "/run", "/sbin", "/srv", "/sys", "/tmp",  # noqa: S108 - nothing is written there
    "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/sbin", "/usr/share",
    "/var", "/var/lib", "/var/log", "/var/tmp",  # noqa: S108
})
# fmt: on
"""Folders that are never emptied, whatever the configuration says of them: more than the agent's is in them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeprovisionPolicy:
    """What was asked for, and what the configuration says of it. user: whether the provisioned user goes too."""

    user: bool = False
    host_keys: bool = True
    root_password: bool = True
    library: Path = Path("/var/lib/waagent")
    logs: Path = Path("/var/log/azure")


@dataclass(frozen=True, kw_only=True, slots=True)
class DeprovisionFacts:
    """What is there to go.

    services: units of agents that run. jit: users whom the platform let in for a while. library, logs: names in those folders; a folder that is a link counts as a problem and
    is not followed. state: what limpet keeps of its own. appliance: what an appliance has beside. traces: histories and log files. resolver: files with the addresses of
    name servers. resolver_kept: why resolv.conf stays. peer: what another agent made outside the library.
    identity: files by which a machine is told from others; machine_id: whether
    /etc/machine-id says something. copies: of the account files, from before their last change.
    """

    services: tuple[str, ...] = ()
    user: UserFacts | None = None
    jit: tuple[UserFacts, ...] = ()
    host_keys: tuple[Path, ...] = ()
    leases: tuple[Path, ...] = ()
    host: HostNameFacts
    root_locked: bool = True
    library: tuple[str, ...] = ()
    library_problem: str | None = None
    logs: tuple[str, ...] = ()
    logs_problem: str | None = None
    state: tuple[Path, ...] = ()
    appliance: ApplianceFacts = field(default_factory=ApplianceFacts)
    traces: tuple[Path, ...] = ()
    resolver: tuple[Path, ...] = ()
    resolver_kept: str | None = None
    peer: tuple[Path, ...] = ()
    machine_id: bool = False
    identity: tuple[Path, ...] = ()
    copies: tuple[Path, ...] = ()


def folder_problem(folder: Path) -> str | None:
    """Why a folder is not emptied although it is configured; None when it can be."""
    if ".." in folder.parts or str(folder) in _SYSTEM:
        return f"{folder} is a folder of the system, and not the agent's alone"
    return None


def plan_deprovision(policy: DeprovisionPolicy, facts: DeprovisionFacts) -> list[Task]:
    """Everything that is to be done, in order; tasks without steps are left out, and those that cannot be done are not."""
    tasks = [
        _services(facts),
        *plan_users(_users(policy, facts)),
        *(_host_keys(facts) if policy.host_keys else ()),
        _removal("leases", "forget the DHCP leases of this VM", facts.leases),
        _host_name(facts),
        *(_root(facts) if policy.root_password else ()),
        _copies(policy, facts),
        *_library(policy, facts),
        *_folder("logs", "empty", policy.logs, facts.logs, facts.logs_problem),
        *deprovision_appliance.plan_guest_shell(facts.appliance),
        *_state(facts),
        *(_removal(f"traces/{path.name}", f"remove {path}", [path]) for path in facts.traces),
        _removal("resolver", "forget the name servers of this VM's network", facts.resolver),
        _removal("peer", "remove what another agent made for this VM", facts.peer),
        _identity(facts),
    ]
    return [task for task in tasks if task.steps or task.problem is not None]


def losses(policy: DeprovisionPolicy, facts: DeprovisionFacts) -> list[str]:
    """What will be lost, a line each, for the person who is asked."""
    return [*_losses(policy, facts)]


def _losses(policy: DeprovisionPolicy, facts: DeprovisionFacts) -> Iterator[str]:
    if facts.services:
        yield f"The agent will be stopped: {', '.join(facts.services)}."
    for user in _users(policy, facts):
        yield from user.losses()
    if policy.host_keys and facts.host_keys:
        yield f"The SSH host keys will be deleted: {len(facts.host_keys)} files in {facts.host_keys[0].parent}."
    if policy.root_password and not facts.root_locked:
        yield "Root's password will be disabled: nobody will be able to log in as root by password."
    if steps := _copies(policy, facts).steps:
        yield f"The copies of the account files from before their last change will be deleted: {len(steps)} files in /etc."
    yield from _losses_of_state(policy, facts)
    yield from deprovision_appliance.losses(facts.appliance)
    for path in (*facts.state, *facts.traces, *facts.resolver, *facts.peer, *facts.identity):
        yield f"{path} will be deleted."
    if facts.machine_id:
        yield f"{MACHINE_ID} will be emptied: the next boot makes a new one."


def _losses_of_state(policy: DeprovisionPolicy, facts: DeprovisionFacts) -> Iterator[str]:
    if facts.leases:
        yield f"The DHCP leases will be deleted: {len(facts.leases)} files."
    if _host_name(facts).steps:
        yield f"The host name {facts.host.kernel} will become {NAMELESS}."
    if facts.library:
        yield (
            f"{policy.library} will be emptied: certificates and keys, the handlers and their settings, the record that this "
            f"VM is provisioned ({len(facts.library)} entries)."
        )
    if facts.logs:
        yield f"{policy.logs} will be emptied: the logs of handlers ({len(facts.logs)} entries)."


def notes(policy: DeprovisionPolicy, facts: DeprovisionFacts) -> list[str]:
    """What is left as it is and somebody might expect to go."""
    found = []
    if policy.user and facts.user is None:
        found.append(
            f"No user will be deleted: there is no {policy.library / OVF} that says who was provisioned."
        )
    if policy.user and facts.user is not None and facts.user.kept:
        found.append(facts.user.kept)
    if facts.resolver_kept:
        found.append(facts.resolver_kept)
    return [*found, *deprovision_appliance.notes(facts.appliance)]


def _users(policy: DeprovisionPolicy, facts: DeprovisionFacts) -> tuple[UserFacts, ...]:
    """Those who go. Just-in-time users always do: they were let into this VM, not into its copies."""
    user = facts.user if policy.user else None
    return (() if user is None else (user,)) + tuple(
        each for each in facts.jit if user is None or each.name != user.name
    )


def _services(facts: DeprovisionFacts) -> Task:
    steps: tuple[Step, ...] = (Run(("systemctl", "stop", *facts.services)),) if facts.services else ()
    return Task(
        name="services",
        purpose="stop the agent",
        steps=steps,
        advice="Stop it by hand and run this again: an agent that runs writes its files anew.",
    )


def _host_keys(facts: DeprovisionFacts) -> Iterator[Task]:
    for path in facts.host_keys:
        yield _removal(f"host-keys/{path.name}", f"delete the SSH host key {path}", [path])


def _host_name(facts: DeprovisionFacts) -> Task:
    return replace(plan_host_name(NAMELESS, facts.host), purpose="give up the host name", advice="")


def _root(facts: DeprovisionFacts) -> Iterator[Task]:
    if not facts.root_locked:
        yield Task(
            name="root",
            purpose="disable root's password",
            steps=(Run(("usermod", "--password", "*", "root")),),
            advice="Do it by hand: passwd --lock root.",
        )


def _copies(policy: DeprovisionPolicy, facts: DeprovisionFacts) -> Task:
    """Those that are there, and those that the programs above will make."""
    gone = [user for user in _users(policy, facts) if user.uid is not None and user.refusal is None]
    changed = gone or (policy.root_password and not facts.root_locked)
    purpose = "remove the copies of the account files from before, with the passwords in them"
    return _removal("account-copies", purpose, ACCOUNT_COPIES if changed else facts.copies)


def _library(policy: DeprovisionPolicy, facts: DeprovisionFacts) -> Iterator[Task]:
    """ovf-env.xml goes last, and stays when the user that it names could not be removed."""
    others = [name for name in facts.library if name != OVF]
    yield from _folder("library", "empty", policy.library, others, facts.library_problem)
    refused = policy.user and facts.user is not None and facts.user.refusal is not None
    if OVF in facts.library and not refused:
        path = policy.library / OVF
        yield Task(
            name=f"library/{OVF}",
            purpose=f"remove {path}",
            steps=(Remove(path=path),),
            after=("user",) if policy.user else (),
        )


def _folder(
    name: str, verb: str, folder: Path, entries: Sequence[str], problem: str | None
) -> Iterator[Task]:
    if problem is not None:
        advice = "Look at what is there, and empty by hand what is the agent's."
        yield Task(name=name, purpose=f"{verb} {folder}", problem=problem, advice=advice)
        return
    for entry in entries:
        yield _removal(f"{name}/{entry}", f"remove {folder / entry}", [folder / entry])


def _identity(facts: DeprovisionFacts) -> Task:
    steps: list[Step] = [Remove(path=path) for path in facts.identity]
    if facts.machine_id:
        steps.append(Write(path=MACHINE_ID, content=b"", mode=0o444))
    return Task(name="identity", purpose="forget what tells this machine from others", steps=tuple(steps))


def _state(facts: DeprovisionFacts) -> Iterator[Task]:
    """The journal says that this is an appliance, so it stays until the network OS has forgotten."""
    network_os = deprovision_appliance.plan_network_os(facts.appliance)
    yield from network_os
    gone = {step.path for task in network_os for step in task.steps if isinstance(step, Remove)}
    after = tuple(task.name for task in network_os)
    for path in facts.state:
        unknown = path == deprovision_appliance.JOURNAL and facts.appliance.problem is not None
        if path not in gone and not unknown:
            removal = _removal(f"state/{path.name}", f"remove {path}", [path])
            yield replace(removal, after=after) if path == deprovision_appliance.JOURNAL else removal


def _removal(name: str, purpose: str, paths: Iterable[Path]) -> Task:
    return Task(name=name, purpose=purpose, steps=tuple(Remove(path=path) for path in paths))
