"""A machine in memory with a guest shell's image, and what tests do with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.guest import binds
from limpet.appliance.guest.contract import Limits, ShellPlan
from limpet.appliance.guest.layout import Layout
from limpet.appliance.guest.logs import MIB
from limpet.appliance.guest.runtimes import runtime
from limpet.host import fake_programs
from limpet.host.fake import FakeMachine
from limpet.host.fake_devices import by_the_kernel
from limpet.host.fake_files import Node

if TYPE_CHECKING:
    from collections.abc import Iterable

    from limpet.appliance.guest.contract import Runtime, ShellSight
    from limpet.guest.steps import Task

IMAGE = Path("/opt/guest-shell/root")
NETWORK = "limpet-guest"
FILES = ("sbin/init", "usr/lib/systemd/systemd", "etc/hostname", "usr/bin/true")
CGROUPS = "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"


def machine(*, loops: bool = False) -> FakeMachine:
    """With an image and a network for the guest. loops: whether files can be mounted, so that its volume is bounded."""
    made = FakeMachine()
    fake_programs.install(made.commands, "disks", "guest_shell")
    with by_the_kernel(made.files):
        for path in FILES:
            made.files.make_folder((IMAGE / path).parent)
            made.files.replace(IMAGE / path, path.encode())
        for path in ("/proc/self", "/sys/fs/cgroup", "/proc/sys/kernel/random"):
            made.files.make_folder(Path(path))
        made.files.replace(Path("/proc/self/mountinfo"), b"")
        if loops:
            for path in ("/dev/loop-control", "/usr/sbin/mke2fs"):
                made.files.make_folder(Path(path).parent)
                made.files.replace(Path(path), b"")
        made.files.replace(Path("/proc/sys/kernel/random/boot_id"), b"boot-1\n")
    network(made)
    return made


def network(made: FakeMachine) -> None:
    """The namespace that the guest shell joins, which the supervisor makes after each start of the machine."""
    with by_the_kernel(made.files):
        made.files.make_folder(Path("/run/netns"))
        made.files.replace(Path("/run/netns", NETWORK), b"")


def squashfs(made: FakeMachine, path: Path) -> None:
    """An image file."""
    with by_the_kernel(made.files):
        made.files.make_folder(path.parent)
        made.files.replace(path, b"squashfs" * 100)
    made.files.volumes[path] = {Path(each): Node(content=each.encode()) for each in FILES}


@dataclass
class Shell:
    """A guest shell on a machine, by a runtime. image: what it is made from. disk, share: MiB of its volumes; 0: no bound."""

    machine: FakeMachine
    name: str
    image: Path = IMAGE
    instance: str = "first"
    disk: int = 2048
    share: int = 0
    runtime: Runtime = field(init=False)

    def __post_init__(self) -> None:
        self.runtime = runtime(self.name, self.machine.files)

    @property
    def plan(self) -> ShellPlan:
        """As it shall be."""
        return ShellPlan(
            image=self.image,
            instance=self.instance,
            network=NETWORK,
            binds=(*binds.exchange(), binds.flash(Path("/bootflash"), self.share * MIB)),
            limits=Limits(disk=self.disk * MIB),
        )

    def look(self) -> ShellSight:
        """As it is."""
        return self.runtime.look(self.plan, self.machine.files, self.machine.commands)

    def tasks(self, verb: str) -> tuple[Task, ...]:
        """What `verb` would do now."""
        planned: tuple[Task, ...] = getattr(self.runtime, verb)(self.plan, self.look())
        return planned

    def do(self, *verbs: str) -> None:
        """Do it; each must succeed."""
        for verb in verbs:
            self.apply(self.tasks(verb))

    def apply(self, tasks: Iterable[Task]) -> None:
        """Do tasks; each must succeed."""
        made = self.machine
        interpreter = made.interpreter
        for outcome in interpreter.apply(tasks):
            assert not outcome.failed, outcome.describe()

    def write(self, path: str, content: bytes) -> None:
        """As somebody inside, on the running root file system."""
        with by_the_kernel(self.machine.files):
            place = Layout.of(self.plan).root / path
            self.machine.files.make_folder(place.parent)
            self.machine.files.replace(place, content)

    def read(self, path: str) -> bytes | None:
        """A file of the mounted root file system; None where there is none."""
        node = self.machine.files.nodes.get(Layout.of(self.plan).root / path)
        return None if node is None else node.content
