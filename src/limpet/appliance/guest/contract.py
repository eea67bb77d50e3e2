"""What limpet needs of a container runtime: a small contract, all of it plans, which `lxc` and `nspawn` fulfil.

A plan starts from the guest shell as it shall be (`ShellPlan`) and as it is (`ShellSight`). The container joins a network namespace that is
there before it and outlives it, with the guest port in it (`Site.guest`). Tests that every runtime passes:
tests/appliance/guest/test_contract.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from limpet.appliance.guest.volumes import Disk
from limpet.model.addresses import WIRE_SERVER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ipaddress import IPv4Address

    from limpet.guest.steps import Task
    from limpet.host.ports import Commands, Files

STORE = Path("/var/lib/limpet/guest")
"""Images, what was changed in the root file system, and the persistent folders of the guest shell."""
NAME = "guest-shell"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bind:
    """A folder of the host that the guest has too.

    news: a file in a folder that is a small file system of its own, in memory: the guest cannot fill the host's by it.
    limit: bytes that a folder of the host may hold, where it gets a file system of its own for that; 0 for no bound.
    """

    source: Path
    target: Path
    read_only: bool = False
    news: Path | None = None
    limit: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What the guest may use at most (R12). cpu: percent of one processor. memory, disk, log: bytes. pids: processes."""

    cpu: int = 100
    memory: int = 512 * 1024 * 1024
    disk: int = 2 * 1024 * 1024 * 1024
    pids: int = 512
    log: int = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class ShellPlan:
    """One guest shell as it shall be. image: the read-only root file system. instance: new at each start, in its environment.

    environment: of the container's first process. network: the name of the network namespace that it joins. dns: its
    resolvers. network_admin: whether root inside may change the addresses and rules of that namespace, which are the supervisor's.
    """

    image: Path
    instance: str
    network: str
    name: str = NAME
    store: Path = STORE
    host_name: str = "guestshell"
    binds: tuple[Bind, ...] = ()
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=dict)
    dns: tuple[IPv4Address, ...] = (WIRE_SERVER,)
    network_admin: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ShellSight:
    """How the container is. init: the host's process id of its first process, None while none lives. mounted: its root is.

    instance: of the running one, as its environment says. problem: what is wrong with it, for people. mounts: what is mounted
    for it, the first mounted first. started: whether there are notes of a start. changed: whether there are changes to its
    root file system. kept: whether it has content at all. disk: its volume's; stores: where that is mounted. share_disk: of the
    volume of the folder that is shared; shares: where that is mounted, or what else is there.
    """

    mounted: bool = False
    init: int | None = None
    instance: str | None = None
    problem: str | None = None
    mounts: tuple[Path, ...] = ()
    started: bool = False
    changed: bool = False
    kept: bool = False
    disk: Disk = field(default_factory=Disk)
    stores: tuple[Path, ...] = ()
    share_disk: Disk = field(default_factory=Disk)
    shares: tuple[Path, ...] = ()

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self.init is not None


class Runtime(Protocol):
    """One container runtime."""

    @property
    def name(self) -> str:
        """As the setting guest_shell.runtime has it."""

    def look(self, plan: ShellPlan, files: Files, commands: Commands) -> ShellSight:
        """How the container is; cheap (no process while nothing is wrong): the look is made twice a second."""

    def prepare(self, plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
        """Mount its root file system (image below, changes above, persistent folders) and write its configuration."""

    def start(self, plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
        """Start it; done when its first process lives."""

    def stop(self, plan: ShellPlan, sight: ShellSight, *, patience: float = 10.0) -> tuple[Task, ...]:
        """End it within `patience` seconds, by force then, and unmount; its content is kept."""

    def reset(self, plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
        """Forget what was changed in its root file system (it is not running); persistent folders are kept."""

    def destroy(self, plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
        """Forget it all, persistent folders too."""

    def enter(self, plan: ShellPlan, sight: ShellSight, argv: Sequence[str]) -> tuple[str, ...]:
        """`argv`, to be run inside as root from here, with its exit code and streams."""
