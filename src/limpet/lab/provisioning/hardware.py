"""What makes a namespace machine look like a VM of the platform: DMI, VMBus and drives, there before its init starts.

Its /sys is an overlay of given files over the kernel's own sysfs, read-only, in which network interfaces still come and
go. Its drives are loop devices of this machine under other names in its own /dev. Its kernel need not know udf and
iso9660: mount(8) finds fuseiso as their helper.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab.clock import wait_for
from limpet.lab.commands import LabError, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from limpet.lab.machine import Machine

ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"
"""Source: guest-setup.md §0.2."""
SYSFS = "/usr/lib/limpet-lab/sys"
INIT = "/usr/lib/limpet-lab/init"
DVD = "sr0"
TIME_TO_GO = 60.0
"""Seconds until a drive is free when the machine that has it was killed: its mounts end a little later than its processes."""

# The helper's own process must live as long as the mount, whoever called mount(8).
HELPER = """\
#!/bin/sh
exec fuseiso "$(readlink -f "$1")" "$2"
"""
# What a VM on the platform says; PID 1 of a namespace machine cannot hide its namespaces.
DETECT_VIRT = """\
#!/bin/sh
for word; do
    case $word in
        -q | --quiet) quiet=1 ;;
        -c | --container) container=1 ;;
    esac
done
[ "$container" ] && found=none || found=microsoft
[ "$quiet" ] || echo "$found"
[ "$found" != none ]
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """sysfs: files by their path below /sys. drives: this machine's block devices by their name in /dev.

    early: lines of shell that are run when all that is there, before systemd: mounts, as a machine without udev cannot
    wait for devices.
    """

    sysfs: Mapping[str, str] = field(default_factory=dict, hash=False)
    drives: Mapping[str, Path] = field(default_factory=dict, hash=False)
    early: tuple[str, ...] = ()

    def joined(self, other: Hardware) -> Hardware:
        """Both together."""
        return Hardware(
            sysfs={**self.sysfs, **other.sysfs},
            drives={**self.drives, **other.drives},
            early=(*self.early, *other.early),
        )


def azure_dmi(vm_id: str, *, generation: int = 1) -> dict[str, str]:
    """The DMI strings of a VM; on generation 1 its id has the first three fields' bytes swapped. Source: guest-setup.md §0.2."""
    uuid = vm_id if generation == 2 else swapped(vm_id)
    strings = {
        "sys_vendor": "Microsoft Corporation",
        "product_name": "Virtual Machine",
        "product_uuid": uuid.lower(),
        "product_serial": "0000-0001",
        "chassis_asset_tag": ASSET_TAG,
        "chassis_vendor": "Microsoft Corporation",
        "board_vendor": "Microsoft Corporation",
        "board_name": "Virtual Machine",
        "bios_vendor": "American Megatrends Inc.",
    }
    return {f"class/dmi/id/{name}": f"{text}\n" for name, text in strings.items()}


def swapped(vm_id: str) -> str:
    """A VM's id in the other byte order."""
    first, second, third, *rest = vm_id.split("-")
    parts = [bytes.fromhex(part)[::-1].hex() for part in (first, second, third)]
    return "-".join([*parts, *rest])


def vmbus_device(identifier: str) -> dict[str, str]:
    """A device on the VMBus by its GUID."""
    return {f"bus/vmbus/devices/{identifier}/device_id": f"{{{identifier}}}\n"}


@contextmanager
def loop_device(image: Path, *, writable: bool = False, offset: int = 0) -> Iterator[Path]:
    """A block device of this machine with the content of `image` from `offset` (bytes) on, until the end. Raises: LabError.

    It goes when nobody has it open any more, so that even SIGKILL leaves no device behind.
    """
    options = ["--offset", str(offset), *([] if writable else ["--read-only"])]
    made = Path(run(["losetup", "--find", "--show", *options, str(image)]).checked().strip())
    try:
        held = made.open("rb")
    except OSError as error:
        run(["losetup", "--detach", str(made)])
        raise LabError(f"cannot open {made}: {error.strerror}") from error
    try:
        with held:
            run(["losetup", "--detach", str(made)]).checked()  # in use, so only marked
            yield made
    finally:
        wait_for(lambda: not _holds(made, image), f"{made} to be free", timeout=TIME_TO_GO)


def _holds(device: Path, image: Path) -> bool:
    try:
        said = Path("/sys/block", device.name, "loop/backing_file").read_text(encoding="utf-8")
    except OSError:
        return False  # nobody's
    return said.strip() == str(image)


def fit(machine: Machine, hardware: Hardware) -> tuple[str, ...]:
    """Give a machine that is not booted yet its hardware; boot it with what this gives: its systemd. Raises: LabError."""
    for path, content in hardware.sysfs.items():
        machine.write(f"{SYSFS}/{path}", content)
    machine.path(SYSFS).mkdir(parents=True, exist_ok=True)
    for kind in ("iso9660", "udf"):
        machine.write(f"/sbin/mount.{kind}", HELPER, mode=0o755)
    machine.write("/usr/bin/systemd-detect-virt", DETECT_VIRT, mode=0o755)
    machine.write(INIT, _init(hardware), mode=0o755)
    return (INIT,)


def insert(machine: Machine, device: Path) -> None:
    """Put a block device into a running machine, as a disc that arrives late. Raises: LabError."""
    machine.run(["sh", "-c", _mknod(DVD, device)]).checked()


def eject(machine: Machine) -> None:
    """Take its drive away from a running machine. Raises: LabError."""
    machine.run(["rm", "-f", f"/dev/{DVD}"]).checked()


def _init(hardware: Hardware) -> str:
    """The first program of the machine: lays its hardware out and becomes systemd, which must not think it is in a container."""
    lines = [
        "#!/bin/sh",
        "set -e",
        "mkdir -p /run/limpet-lab/sys",
        "mount -t sysfs -o ro,nosuid,nodev,noexec sysfs /run/limpet-lab/sys",
        f"mount -t overlay -o ro,lowerdir={SYSFS}:/run/limpet-lab/sys sysfs /sys",
        "mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup",
        *(_mknod(name, device) for name, device in hardware.drives.items()),
        *hardware.early,
        "exec env -u container /sbin/init",
    ]
    return "\n".join(lines) + "\n"


def _mknod(name: str, device: Path) -> str:
    try:
        number = device.stat().st_rdev
    except OSError as error:
        raise LabError(f"{device} is no block device: {error.strerror}") from error
    return f"mknod -m 660 /dev/{name} b {number >> 8 & 0xFFF} {number & 0xFF | number >> 12 & 0xFFF00}"
