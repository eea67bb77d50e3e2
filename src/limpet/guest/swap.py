"""A swap file on the resource disk, kept over reboots while it is right. Source: guest-setup.md §A.10.3.

Its header is one page that is made here, so no program is needed but swapon.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.guest.kernel_release import kernel_version
from limpet.guest.partition_table import MIB
from limpet.guest.resource_disk import NAME as RESOURCE_DISK
from limpet.guest.steps import Allocate, Run, Task

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.guest.mounts import Swap
    from limpet.guest.resource_disk import Place
    from limpet.guest.steps import Step

NAME = "swap"
FILE = "swapfile"
LEFT_FREE = 64 * MIB
"""What is left of the file system besides, bytes."""
HEADER = struct.Struct("<1024xIII16s16s")
_LABEL = b"limpet"
# Since then XFS lets the kernel swap to what is reserved and not written, and btrfs to files that are not copied on write.
_XFS_RESERVED, _BTRFS_SWAP = (4, 18), (5, 0)
_SECONDS, _SWAPOFF_SECONDS = 60.0, 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SwapFile:
    """The file that is there now. size: bytes; mode: permission bits."""

    size: int
    mode: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SwapFacts:
    """file: None where there is none, or where it cannot be seen yet because its disk is not mounted.

    room: bytes that are free, None when that is not known yet. page: bytes of a page. release: the kernel's.
    """

    active: tuple[Swap, ...] = ()
    file: SwapFile | None = None
    room: int | None = None
    page: int = 4096
    release: str = ""
    swapon: bool = True


def header(size: int, page: int) -> bytes:
    """The first page of a swap file of so many bytes. Source: swap_header of Linux, version 1."""
    return HEADER.pack(1, size // page - 1, 0, b"\0" * 16, _LABEL).ljust(page - 10, b"\0") + b"SWAPSPACE2"


def plan_swap(wanted: int, place: Place | None, facts: SwapFacts) -> Task:
    """Swap to a file of `wanted` MiB, none when 0. place: the resource disk's, None where there is none."""
    purpose = f"swap to a file of {wanted} MiB"
    if wanted <= 0:
        return Task(name=NAME, purpose="swap to no file", required=False)
    if place is None:
        advice = "Set resource_disk.swap to false, or resource_disk.format to true on a VM that has a temporary disk."
        return _refused(purpose, "no resource disk is in use here", advice)
    path, size = place.mount_point / FILE, wanted * MIB // facts.page * facts.page
    problem = _impossible(place, facts, path, size)
    if problem is not None:
        return _refused(purpose, *problem)
    active = any(swap.path == str(path) for swap in facts.active)
    steps: list[Step] = []
    if active and facts.file is not None and facts.file.size == size:
        if facts.file.mode != 0o600:
            steps.append(Run(("chmod", "0600", str(path))))
    else:
        if active:
            steps.append(Run(("swapoff", str(path)), timeout=_SWAPOFF_SECONDS))
        # A file that is right already is kept by this step.
        written = place.filesystem == "xfs" and kernel_version(facts.release) < _XFS_RESERVED
        steps.append(Allocate(path, size, header(size, facts.page), written=written))
        steps.append(Run(("swapon", str(path)), timeout=_SECONDS))
    return Task(name=NAME, purpose=purpose, steps=tuple(steps), after=(RESOURCE_DISK,), required=False)


def _impossible(place: Place, facts: SwapFacts, path: Path, size: int) -> tuple[str, str] | None:
    if place.filesystem == "btrfs" and kernel_version(facts.release) < _BTRFS_SWAP:
        return (
            f"Linux {facts.release} cannot swap to a file on btrfs",
            "Set resource_disk.filesystem to ext4.",
        )
    if not facts.swapon:
        return "the program swapon is not installed", "Install util-linux (mount)."
    there = 0 if facts.file is None else facts.file.size
    room = (place.room if facts.room is None else facts.room + there) - LEFT_FREE
    if size > room and size != there:
        fits = max(0, room // MIB)
        problem = f"{path.parent} has room for a swap file of {fits} MiB"
        return problem, f"Set resource_disk.swap_size to at most {fits}, or resource_disk.swap to false."
    return None


def _refused(purpose: str, problem: str, advice: str) -> Task:
    after = (RESOURCE_DISK,)
    return Task(name=NAME, purpose=purpose, problem=problem, advice=advice, after=after, required=False)
