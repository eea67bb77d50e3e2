"""Which disk is the temporary one, and what is on it: by device ids and links of the platform, never by guessing.

The disk is read directly, in a few bounded pieces: no program is run, and nothing is mounted to look at it.
Source: guest-setup.md §0.2, §A.10.1.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.disk_contents import README
from limpet.guest.mounts import read_mountinfo, read_swaps
from limpet.guest.resource_disk import MAKERS, WARNING, ResourceDiskFacts, mount_of
from limpet.host.facts.disk_contents import look_at_disk
from limpet.host.facts.reading import bytes_of, is_there, names_in, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.guest.disk_contents import Disk
    from limpet.guest.mounts import Mount, Swap
    from limpet.host.ports import Commands, Devices, Files

VMBUS = Path("/sys/bus/vmbus/devices")
BLOCK = Path("/sys/block")
NVME = Path("/sys/class/nvme")
LINKS = (Path("/dev/disk/azure/resource"), Path("/dev/disk/cloud/azure_resource"))

_GENERATION_1 = "00000000-0001-"
_GENERATION_2 = "f8b3781a-1e82-4818-a1c3-63d806ec15bb"
_RESOURCE_LUN = "1"
_ADDRESS = re.compile(r"\d+:\d+:\d+:(\d+)\Z")
_DISK = re.compile(r"(?:[shv]d[a-z]{1,3}|xvd[a-z]{1,3}|nvme\d+n\d+)\Z")
_NVME_MODEL = re.compile(r"Microsoft NVMe Direct Disk(?: v\d+)?\Z")
_DIGITS = re.compile(r"\d+")
_DEEPEST = 5
_TABLE_LIMIT = 4 * 1024 * 1024


def mounts_of(files: Files) -> tuple[Mount, ...]:
    """What is mounted here."""
    return read_mountinfo(text_of(files, Path("/proc/self/mountinfo"), at_most=_TABLE_LIMIT) or "")


def swaps_of(files: Files) -> tuple[Swap, ...]:
    """What is swapped to here."""
    return read_swaps(text_of(files, Path("/proc/swaps"), at_most=_TABLE_LIMIT) or "")


def look(files: Files, devices: Devices, commands: Commands) -> ResourceDiskFacts:
    """Find the disk and read what matters of it."""
    facts = ResourceDiskFacts(
        mounts=mounts_of(files),
        makers=frozenset(name for name, maker in MAKERS.items() if commands.exists(maker[0])),
    )
    for found in (_by_vmbus(files), _by_links(files)):
        if len(found) > 1:
            names = ", ".join(sorted(found))
            return replace(facts, unclear=f"more than one disk looks like the resource disk: {names}")
        for name, source in found.items():
            return with_disk(files, facts, look_at_disk(files, devices, name, source, swaps_of(files)))
    for name, source in (nvme := _by_model(files)).items():
        disk = look_at_disk(files, devices, name, source, swaps_of(files))
        return with_disk(files, facts, disk, tuple(nvme)[1:])
    return facts


def with_disk(
    files: Files, facts: ResourceDiskFacts, disk: Disk, others: tuple[str, ...] = ()
) -> ResourceDiskFacts:
    """Facts of a disk that was found and read."""
    return replace(facts, disk=disk, others=others, readme=_has_readme(files, disk, facts.mounts))


def _has_readme(files: Files, disk: Disk, mounts: tuple[Mount, ...]) -> bool:
    places = (mount_of(disk, number, mounts) for number in disk.volumes)
    return any(bytes_of(files, Path(mount.point, README)) == WARNING for mount in places if mount is not None)


def _by_vmbus(files: Files) -> dict[str, str]:
    """Disks by name, with the device id each was found by."""
    found: dict[str, str] = {}
    for entry in names_in(files, VMBUS):
        device = (text_of(files, VMBUS / entry / "device_id") or "").strip("{}").lower()
        if device.startswith(_GENERATION_1):
            found |= {name: f"device id {device}" for name, _ in _disks_below(files, VMBUS / entry)}
        elif device == _GENERATION_2:
            disks = _disks_below(files, VMBUS / entry)
            found |= {name: f"device id {device}, LUN 1" for name, lun in disks if lun == _RESOURCE_LUN}
    return found


def _disks_below(files: Files, folder: Path, lun: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Names of disks below a device, each with its LUN. Very old kernels have an entry ``block:sdb`` for the folder block/sdb."""
    for name in names_in(files, folder):
        if name.startswith("block:") and _DISK.match(name[6:]):
            yield name[6:], lun
        elif name == "block":
            yield from ((disk, lun) for disk in names_in(files, folder / name) if _DISK.match(disk))
        elif depth < _DEEPEST and _is_folder(files, folder / name):
            address = _ADDRESS.match(name)
            yield from _disks_below(files, folder / name, address[1] if address else lun, depth + 1)


def _is_folder(files: Files, path: Path) -> bool:
    found = files.info(path) if is_there(files, path) else None
    return found is not None and found.is_folder


def _by_links(files: Files) -> dict[str, str]:
    """The disks that udev's links for the resource disk lead to."""
    found: dict[str, str] = {}
    for link in LINKS:
        target = files.target(link) if is_there(files, link) else None
        if target is not None and _DISK.match(target.name) and is_there(files, BLOCK / target.name):
            found.setdefault(target.name, str(link))
    return found


def _by_model(files: Files) -> dict[str, str]:
    """Local NVMe disks, in the kernel's order. Remote ones have another model."""
    found: dict[str, str] = {}
    for controller in sorted(names_in(files, NVME), key=_natural):
        model = text_of(files, NVME / controller / "model") or ""
        if _NVME_MODEL.match(model):
            names = sorted(names_in(files, NVME / controller), key=_natural)
            found |= {name: f"its model {model}" for name in names if _DISK.match(name)}
    return found


def _natural(name: str) -> list[int]:
    return [int(digits) for digits in _DIGITS.findall(name)]
