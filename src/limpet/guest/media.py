"""Where the provisioning media may be, likeliest first. Source: guest-setup.md §A.2, §E."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.interfaces import natural
from limpet.guest.steps import MakeFolder, Task, Write

if TYPE_CHECKING:
    from limpet.guest.mounts import Mount

DOCUMENT = "ovf-env.xml"
SCVMM_DOCUMENT = "linuxosconfiguration.xml"
"""At the root of System Center's media, which is not for us."""
FILE_SYSTEMS = ("udf", "iso9660", "vfat")
LARGEST_DOCUMENT = 1024 * 1024
LARGEST_FAT = 64 * 1024 * 1024
"""A FAT volume above this is a system partition or a data disk, not provisioning media."""

_OPTICAL = re.compile(r"sr\d+|scd\d+|cdrom\d*|cd\d+|hd[c-z]")
_NEVER = re.compile(r"(loop|ram|zram|dm-|md|fd|nbd|mtd|drbd|rbd|bcache).*")
_VIRTUAL_DISK = re.compile(r"(vd|xvd)[b-z]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A block device. size: bytes, None where it is not known. partition: whether it is a part of a disk."""

    name: str
    size: int | None = None
    partition: bool = False

    @property
    def path(self) -> Path:
        """Its node."""
        return Path("/dev") / self.name

    @property
    def optical(self) -> bool:
        """Whether it is a drive whose medium can be ejected."""
        return _OPTICAL.fullmatch(self.name) is not None

    @property
    def may_be_fat_media(self) -> bool:
        """Whether a FAT volume on it may be meant for us."""
        return self.optical or (self.size is not None and self.size <= LARGEST_FAT)


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaFacts:
    """blocks: every block device. mounts: everything that is mounted. host_bus: whether the hypervisor may attach a drive later."""

    blocks: tuple[Block, ...] = ()
    mounts: tuple[Mount, ...] = ()
    host_bus: bool = False

    @property
    def may_come(self) -> bool:
        """Whether media may still arrive: there is a drive, or a bus that can bring one."""
        return self.host_bus or any(each.optical for each in self.blocks)


def mounted_media(facts: MediaFacts) -> tuple[Mount, ...]:
    """Mounts that may be of the media, in order."""
    return tuple(
        each for each in facts.mounts if each.filesystem in FILE_SYSTEMS and each.source.startswith("/dev/")
    )


def devices(facts: MediaFacts) -> tuple[Block, ...]:
    """The devices to look at: drives, then virtual disks, then the rest; what is mounted is not looked at below its mount."""
    busy = {each.source for each in facts.mounts}
    fitting = [
        each
        for each in facts.blocks
        if not _NEVER.fullmatch(each.name) and str(each.path) not in busy and each.size != 0
    ]
    return tuple(sorted(fitting, key=_rank))


def _rank(block: Block) -> tuple[object, ...]:
    return (
        not block.optical,
        _VIRTUAL_DISK.fullmatch(block.name) is None,
        block.partition,
        natural(block.name),
    )


def plan_kept_copy(redacted: bytes, present: bytes | None, library: Path) -> Task:
    """Keep the document, without its password, for later boots and for `deprovision`. Source: guest-setup.md §A.3."""
    path = library / DOCUMENT
    steps = (MakeFolder(path=library, mode=0o700), Write(path=path, content=redacted, mode=0o600))
    return Task(
        name="kept-copy",
        purpose=f"keep a copy of {DOCUMENT} without its password",
        steps=() if present == redacted else steps,
        required=False,
        advice=f"`limpet deprovision --user` needs {path} to know the user.",
    )
