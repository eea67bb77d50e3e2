"""Where everything of a guest shell is: on the host's disk, in its memory, and inside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.guest.volumes import Volume

if TYPE_CHECKING:
    from limpet.appliance.guest.contract import ShellPlan

NOTES = Path("/run/limpet/guest")
"""What is known of a container that was started; gone after a start of the machine, as the container is."""
NAMES = Path("/run/netns")
"""Where iproute2 keeps the names of network namespaces."""
SQUASHFS = ".squashfs"

PERSISTENT = (
    ("waagent", Path("/var/lib/waagent"), 0o700),
    ("log", Path("/var/log"), 0o755),
    ("home", Path("/home"), 0o755),
)
"""Folders that stay when the root file system is built anew: name on the host, place inside, mode (R15)."""

DROPPED = (
    "audit_control", "audit_read", "block_suspend", "bpf", "checkpoint_restore", "linux_immutable", "mac_admin",
    "mac_override", "mknod", "perfmon", "sys_boot", "sys_module", "sys_pacct", "sys_rawio", "sys_time",
    "sys_tty_config", "syslog", "wake_alarm",
)  # fmt: skip
"""Capabilities that root inside has not: whatever reaches the kernel as a whole, its devices, clock, modules and log (R11)."""
NETWORK_ADMIN = "net_admin"
ENVIRONMENT = (
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("LANG", "C.UTF-8"),
)
"""Of what is run inside from outside."""


def dropped(plan: ShellPlan) -> tuple[str, ...]:
    """The capabilities that root inside has not."""
    return DROPPED if plan.network_admin else (*DROPPED, NETWORK_ADMIN)


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The paths of one guest shell. volume: what it stores, bounded where the kernel has loop devices; see rootfs.storing."""

    store: Path
    volume: Path
    container: Path
    notes: Path
    image: Path

    @classmethod
    def of(cls, plan: ShellPlan) -> Layout:
        """Of a plan."""
        volume = plan.store / "volume"
        return cls(
            store=plan.store,
            volume=volume,
            container=volume / plan.name,
            notes=NOTES / plan.name,
            image=plan.image,
        )

    @property
    def disk(self) -> Path:
        """The file system of a fixed size that the volume is, as a file."""
        return self.store / "volume.img"

    def stored(self, plan: ShellPlan) -> Volume:
        """The volume as it shall be."""
        return Volume(disk=self.disk, point=self.volume, size=plan.limits.disk, setting="guest_shell.disk")

    def share(self, plan: ShellPlan) -> tuple[Path, Volume] | None:
        """The folder that is shared, and the volume that bounds it; None where it has no bound."""
        bind = next((each for each in plan.binds if each.limit), None)
        if bind is None:
            return None
        disk = bind.source.with_name(
            f"{bind.source.name}.img"
        )  # it takes the flash's room, as the folder does
        volume = Volume(disk=disk, point=self.store / "share", size=bind.limit, setting="guest_shell.share")
        return bind.source, volume

    @property
    def reserve(self) -> Path:
        """Room that is given up when there is none left."""
        return self.volume / "reserve"

    @property
    def stored_state(self) -> Path:
        """The folders that stay, in the volume; seen at `state` too, while it is mounted."""
        return self.volume / "state"

    @property
    def root(self) -> Path:
        """Where the root file system is mounted."""
        return self.container / "root"

    @property
    def changes(self) -> Path:
        """What was written to it."""
        return self.container / "changes"

    @property
    def work(self) -> Path:
        """The overlay's own folder."""
        return self.container / "work"

    @property
    def discarded(self) -> Path:
        """Changes that are being forgotten: renamed first, so that a power cut leaves all of them or none."""
        return self.container / "discarded"

    @property
    def lower(self) -> Path:
        """The image as a tree: itself, or where its file is mounted."""
        return self.container / "image" if self.image.suffix == SQUASHFS else self.image

    @property
    def state(self) -> Path:
        """The folders that stay."""
        return self.store / "state"

    @property
    def started(self) -> Path:
        """The instance that was started last; written before its start."""
        return self.notes / "instance"

    @property
    def init(self) -> Path:
        """A hint: the process id of its first process. It is believed only when that process has the instance."""
        return self.notes / "init"

    @property
    def configuration(self) -> Path:
        """The runtime's own."""
        return self.notes / "config"

    @property
    def log(self) -> Path:
        """What the runtime said of the last start."""
        return self.notes / "log"
