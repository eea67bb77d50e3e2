"""File systems of a fixed size, each in a file with holes: they take no more of the disk than is in them (R12).

One is made larger while it is mounted or before, with all that is in it; never smaller, for that can lose what is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.appliance.guest.logs import MIB
from limpet.guest.steps import MakeFolder, Remove, Run, Task, Write
from limpet.host.facts.reading import is_there, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.guest.steps import Step
    from limpet.host.ports import Files

_TIME_TO_FORMAT = 120.0

GROW = r"""
device=$(findmnt --noheadings --output SOURCE --mountpoint "$1") || { echo "nothing is mounted at $1" >&2; exit 1; }
losetup --set-capacity "$device" && resize2fs "$device" && sync -f "$1"
"""
"""Arguments: where a volume is mounted whose file is as large as it shall be. The kernel makes ext4 larger while it is in use."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Disk:
    """How a volume's file is. size: bytes of the file system in it, as noted when it was made; None where there is no note."""

    exists: bool = False
    size: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    """One as it shall be. disk: its file. point: where it is mounted. size: bytes. setting: what decides that."""

    disk: Path
    point: Path
    size: int
    setting: str

    @property
    def noted(self) -> Path:
        """Where its size is noted, after everything else was done: what a power cut has interrupted is done again."""
        return self.disk.with_suffix(".size")

    def look(self, files: Files) -> Disk:
        """How its file is."""
        said = text_of(files, self.noted) or ""
        exists = is_there(files, self.disk)
        return Disk(exists=exists, size=int(said) if exists and said.isdecimal() else None)

    def mounting(self, here: Disk) -> tuple[Step, ...]:
        """Make it, if there is none, or larger, if it shall be; and mount it."""
        new = self.disk.with_suffix(".new")
        making: tuple[Step, ...] = (
            Remove(new),
            MakeFolder(new.parent),
            Run(("truncate", f"--size={self.size}", str(new))),
            Run(("chmod", "0600", str(new))),
            Run(
                ("mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-E", "nodiscard", str(new)),
                timeout=_TIME_TO_FORMAT,
            ),
            Run(("mv", "--no-target-directory", str(new), str(self.disk))),
            self._note(),
        )
        larger = self._is_small(here)
        # 1 and 2: it has repaired something.
        check = ("e2fsck", "-f", "-p") if larger else ("e2fsck", "-p")
        checking: tuple[Step, ...] = (
            Run((*check, str(self.disk)), timeout=_TIME_TO_FORMAT, accepted=(0, 1, 2)),
        )
        if larger:
            resizing = Run(("resize2fs", str(self.disk)), timeout=_TIME_TO_FORMAT)
            checking = (self._stretch(), *checking, resizing, self._note())
        options = "loop,noatime,nodev,nosuid"
        return (
            *(checking if here.exists else making),
            MakeFolder(self.point),
            Run(("mount", "-t", "ext4", "-o", options, str(self.disk), str(self.point))),
        )

    def growing(self, here: Disk) -> tuple[Step, ...]:
        """Make it as large as it shall be, while it is mounted; nothing where it is, or is larger."""
        if not self._is_small(here):
            return ()
        return (
            self._stretch(),
            Run(("sh", "-c", GROW, "sh", str(self.point)), timeout=_TIME_TO_FORMAT),
            self._note(),
        )

    def grown(self, here: Disk) -> tuple[Task, ...]:
        """The same as a task of its own. Where that is not allowed (it needs CAP_SYS_RESOURCE), the next mount does it."""
        steps = self.growing(here)
        purpose = f"make the volume {self.disk.stem} larger"
        name = f"guest-{self.disk.stem}-growth"
        return (Task(name=name, purpose=purpose, steps=steps, required=False),) if steps else ()

    def too_large(self, here: Disk) -> str | None:
        """Why it does not become what the setting says, for people; None where it does."""
        if here.size is None or here.size <= self.size:
            return None
        return (
            f"{self.setting} says {self.size // MIB} MiB, but {self.disk} was made with {here.size // MIB}: "
            "a volume is made larger, never smaller"
        )

    def _is_small(self, here: Disk) -> bool:
        return here.exists and (here.size is None or here.size < self.size)

    def _stretch(self) -> Run:
        return Run(("truncate", f"--size=>{self.size}", str(self.disk)))  # at least so large

    def _note(self) -> Write:
        return Write(self.noted, f"{self.size}\n".encode("ascii"), mode=0o600)
