"""The resource disk: a file system on the temporary disk, mounted anew at each boot. Source: guest-setup.md §A.10."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.disk_contents import FORMAT, LEAVE, README, judge
from limpet.guest.mounts import seen_at
from limpet.guest.partition_table import MADE, MAKING, MIB, marked, new_table
from limpet.guest.steps import MakeFolder, Run, Task, Write, WriteDevice

if TYPE_CHECKING:
    from limpet.guest.disk_contents import Disk, Verdict
    from limpet.guest.mounts import Mount
    from limpet.guest.steps import Step

NAME = "resource-disk"
SMALLEST = 64 * MIB
"""Least size of a disk that is worth a file system, bytes."""
_MKFS_SECONDS, _MOUNT_SECONDS = 600.0, 60.0

# Nothing is written that need not be: a platform's new disk reads as zeros, and discarding one takes long.
MAKERS: dict[str, tuple[str, ...]] = {
    "ext4": ("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"),
    "ext3": ("mkfs.ext3", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"),
    "xfs": ("mkfs.xfs", "-q", "-f", "-K"),
    "btrfs": ("mkfs.btrfs", "-q", "-f", "-K"),
}
_PACKAGES = {"ext4": "e2fsprogs", "ext3": "e2fsprogs", "xfs": "xfsprogs", "btrfs": "btrfs-progs"}
_SYSTEM_POINTS = frozenset({"/", "/boot", "/boot/efi", "/efi", "/usr", "/var", "/etc"})
_NEVER_HIDDEN = _SYSTEM_POINTS | frozenset(
    [
        "/bin",
        "/dev",
        "/home",
        "/lib",
        "/lib64",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/sys",
        "/var/lib",
        "/var/log",
    ]
)
"""What is in these folders is needed while the disk would be mounted over it."""

WARNING = b"""\
WARNING: THIS IS A TEMPORARY DISK.

Whatever is stored on it may be lost at any time, without a way to get it back: when the virtual machine is moved, resized,
stopped or deallocated. Do not keep anything here that you cannot afford to lose.

https://learn.microsoft.com/azure/virtual-machines/managed-disks-overview#temporary-disk
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceDiskPolicy:
    """What is wanted, by the settings resource_disk.*. format: whether the disk is ours to care for at all."""

    format: bool
    filesystem: str
    mount_point: Path
    options: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceDiskFacts:
    """What there is. disk: None where the VM has none, or where `unclear` says why it is not known which one it is.

    others: temporary disks besides it, which are left alone. makers: programs of MAKERS that are installed.
    readme: whether the mounted file system has its warning already.
    """

    disk: Disk | None = None
    unclear: str | None = None
    others: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    makers: frozenset[str] = frozenset()
    readme: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the temporary file system is, or will be once the task is done. room: bytes, about, when it is empty."""

    mount_point: Path
    filesystem: str
    room: int
    mounted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceDisk:
    """The task, where it leads, and what a person may want to know of it."""

    task: Task
    place: Place | None = None
    note: str = ""


def plan_resource_disk(wanted: ResourceDiskPolicy, facts: ResourceDiskFacts) -> ResourceDisk:
    """Prepare the disk where that destroys nothing, mount it, put the warning there."""
    if not wanted.format:
        return ResourceDisk(task=_task(), note="the settings leave the resource disk alone")
    if facts.unclear is not None:
        return ResourceDisk(
            task=_refused(facts.unclear, "Nothing was touched. Look at lsblk and /sys/bus/vmbus/devices.")
        )
    disk = facts.disk
    if disk is None:
        return ResourceDisk(task=_task(), note="this VM has no resource disk")
    verdict = judge(disk)
    why = _in_the_way(wanted, facts, disk, verdict)
    if why is not None:
        return ResourceDisk(task=_refused(*why))
    filesystem = wanted.filesystem if verdict.action == FORMAT else disk.volumes[verdict.number].holds[0]
    mount = mount_of(disk, verdict.number, facts.mounts)
    steps: list[Step] = []
    if mount is None:
        steps += _mounting(wanted, disk, verdict, filesystem)
    point = wanted.mount_point if mount is None else Path(mount.point)
    if mount is None or not facts.readme:
        steps.append(Write(point / README, WARNING, beneath=point))
    if verdict.action == FORMAT or (disk.table is not None and disk.table.mark == MAKING):
        steps.append(_sealed(disk, verdict))
    size = disk.size if verdict.action == FORMAT else disk.volumes[verdict.number].size
    others = f"; {', '.join(facts.others)} left alone" if facts.others else ""
    return ResourceDisk(
        task=_task(tuple(steps)),
        place=Place(
            mount_point=point, filesystem=filesystem, room=size * 95 // 100, mounted=mount is not None
        ),
        note=f"/dev/{disk.name} by {disk.source}: {verdict.why}{others}",
    )


def mount_of(disk: Disk, number: int, mounts: tuple[Mount, ...]) -> Mount | None:
    """Where a volume of the disk is mounted; the first place of several."""
    name = disk.device(number)
    return next((mount for mount in mounts if name in _names_of(mount, disk)), None)


def _names_of(mount: Mount, disk: Disk) -> set[str]:
    """The names of the disk's volumes that a mount may be of; btrfs has numbers of its own, so the source counts too."""
    names = {name for name, number in disk.numbers.items() if number == mount.number}
    return names | ({mount.source.removeprefix("/dev/")} & {*disk.numbers, disk.name})


def _in_the_way(
    wanted: ResourceDiskPolicy, facts: ResourceDiskFacts, disk: Disk, verdict: Verdict
) -> tuple[str, str] | None:
    """Why nothing can be done, and what a person does about it."""
    device = f"/dev/{disk.name}"
    mounted = [(mount, name) for mount in facts.mounts for name in sorted(_names_of(mount, disk))]
    for mount, name in mounted:
        if mount.point in _SYSTEM_POINTS:
            return f"{device} holds the system: {name} is mounted on {mount.point}", _LOOK
    if disk.used and (
        verdict.action == FORMAT or {disk.name, disk.device(verdict.number)} & disk.used.keys()
    ):
        name, user = next(iter(disk.used.items()))
        return f"{name} is used by {user}", _OWN
    if verdict.action == LEAVE:
        return f"{device} is left as it is: {verdict.why}", _wipe(device)
    if mount_of(disk, verdict.number, facts.mounts) is None:
        return _not_mountable(wanted, facts, disk) or _not_to_format(wanted, facts, disk, verdict, mounted)
    return _not_to_format(wanted, facts, disk, verdict, mounted)


def _not_mountable(
    wanted: ResourceDiskPolicy, facts: ResourceDiskFacts, disk: Disk
) -> tuple[str, str] | None:
    other = seen_at(facts.mounts, str(wanted.mount_point))
    if other is not None:
        return f"{other.source} is mounted on {wanted.mount_point} already", _POINT
    if not _is_proper(wanted.mount_point):
        return f"{wanted.mount_point} cannot be a mount point", _POINT
    if disk.read_only:
        return f"/dev/{disk.name} is read-only", _LOOK
    return None


def _not_to_format(
    wanted: ResourceDiskPolicy,
    facts: ResourceDiskFacts,
    disk: Disk,
    verdict: Verdict,
    mounted: list[tuple[Mount, str]],
) -> tuple[str, str] | None:
    if verdict.action != FORMAT:
        return None
    if mounted:
        mount, name = mounted[0]
        return f"{name} is mounted on {mount.point}", _OWN
    if disk.size < SMALLEST:
        return f"/dev/{disk.name} is too small, it has {disk.size // MIB} MiB", _OWN
    if wanted.filesystem not in facts.makers:
        maker, package = MAKERS[wanted.filesystem][0], _PACKAGES[wanted.filesystem]
        return (
            f"the program {maker} is not installed",
            f"Install {package}, or set resource_disk.filesystem to another.",
        )
    return None


_LOOK = "Look at it with lsblk and dmesg."
_OWN = "Set resource_disk.format = false if the disk is cared for by somebody else."
_POINT = "Set resource_disk.mount_point to a folder of its own."


def _wipe(device: str) -> str:
    return (
        f"If nothing on it is needed, empty it (wipefs --all {device}* and start again); "
        "set resource_disk.format = false if somebody else cares for it."
    )


def _is_proper(point: Path) -> bool:
    return point.is_absolute() and ".." not in point.parts and str(point) not in _NEVER_HIDDEN


def _mounting(wanted: ResourceDiskPolicy, disk: Disk, verdict: Verdict, filesystem: str) -> list[Step]:
    device, partition = Path("/dev", disk.name), f"/dev/{disk.device(verdict.number)}"
    steps: list[Step] = []
    if verdict.action == FORMAT:
        pieces = _table(disk, MAKING)
        known = disk.partitions == {disk.device(1): _kept_place(disk)}
        steps.append(WriteDevice(device, "a partition table", pieces, table=not known))
        steps.append(Run((*MAKERS[filesystem], partition), timeout=_MKFS_SECONDS))
    elif verdict.number and disk.partitions.get(disk.device(verdict.number)) != _place_of(
        disk, verdict.number
    ):
        steps.append(WriteDevice(device, "nothing, but have its partition table read,", (), table=True))
    options = ("-o", wanted.options) if wanted.options else ()
    steps.append(MakeFolder(wanted.mount_point))
    steps.append(
        Run(("mount", "-t", filesystem, *options, partition, str(wanted.mount_point)), timeout=_MOUNT_SECONDS)
    )
    return steps


def _sealed(disk: Disk, verdict: Verdict) -> WriteDevice:
    """The mark of a disk that is done, last of all: from now on what is on it is somebody's."""
    first = _table(disk, MADE)[0][1] if verdict.action == FORMAT else marked(disk.first_block, MADE)
    return WriteDevice(Path("/dev", disk.name), "the mark of a disk that is done", ((0, first[:512]),))


def _table(disk: Disk, mark: str) -> tuple[tuple[int, bytes], ...]:
    return new_table(
        size=disk.size, block=disk.block, identity=disk.identity, mark=mark, place=_kept_place(disk)
    )


def _kept_place(disk: Disk) -> tuple[int, int] | None:
    """The one partition of an MBR stays where it is, when it is nearly the whole disk: the kernel knows it already."""
    table = disk.table
    if (
        table is None
        or table.damaged
        or table.kind != "mbr"
        or [entry.number for entry in table.entries] != [1]
    ):
        return None
    (entry,) = table.entries
    return (entry.start, entry.size) if entry.size >= disk.size * 9 // 10 else None


def _place_of(disk: Disk, number: int) -> tuple[int, int]:
    return disk.volumes[number].start, disk.volumes[number].size


def _task(steps: tuple[Step, ...] = (), problem: str | None = None, advice: str = "") -> Task:
    purpose = "prepare and mount the resource disk"
    return Task(name=NAME, purpose=purpose, steps=steps, problem=problem, advice=advice, required=False)


def _refused(problem: str, advice: str) -> Task:
    return _task(problem=problem, advice=advice)
