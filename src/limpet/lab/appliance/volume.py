"""An appliance's data volume: an ext4 file system in a file, mounted before systemd, that survives what its machine does not.

A machine that is killed loses nothing, for the kernel that has its files lives on. So a power cut is made here: the file
is copied as it is at that moment, without what the kernel has not written to it yet, and the copy is what comes back.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from limpet.lab.commands import LabError, run
from limpet.lab.provisioning.hardware import Hardware, loop_device

if TYPE_CHECKING:
    from pathlib import Path

DRIVE = "sdc"
MIB = 1024 * 1024
SIZE = 768 * MIB
"""Bytes; memory is needed only for what is written."""
FOLDERS = ("/var/lib/limpet", "/var/lib/waagent", "/var/log/azure")
"""What of the machine is on the volume; all else is on its throw-away root, which loses nothing."""
PLACE = "/run/limpet-lab/data"
MOST_TRIES = 200


class DataVolume:
    """Not attached when made; `close` it after its machine has ended. image: the file, which a power cut replaces."""

    def __init__(self, folder: Path, *, size: int = SIZE) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._cuts = 0
        folder.mkdir(parents=True)
        self.image = folder / "data.0"
        with self.image.open("wb") as file:
            file.truncate(size)
        # Lazily made parts would be written behind the machine's back, when a moment is to be copied.
        options = ["-E", "lazy_itable_init=0,lazy_journal_init=0", "-N", "32768", "-m", "0"]
        run(["mke2fs", "-q", "-F", "-t", "ext4", *options, str(self.image)]).checked()

    def attach(self) -> Hardware:
        """The volume as a drive that the next boot mounts. The machine is off. Raises: LabError."""
        self.close()
        device = self._stack.enter_context(loop_device(self.image, writable=True))
        return Hardware(drives={DRIVE: device}, early=mounts())

    def cut(self) -> None:
        """Go back to what is safe at this moment. The machine stands still and is killed next. Raises: LabError."""
        self._cuts += 1
        copy = self._folder / f"data.{self._cuts}"
        for _ in range(MOST_TRIES):
            before = self.image.stat().st_mtime_ns
            run(["cp", "--sparse=always", str(self.image), str(copy)]).checked()
            if (
                self.image.stat().st_mtime_ns == before
            ):  # else the kernel wrote meanwhile: no moment was copied
                break
        else:
            raise LabError(f"{self.image} is written to all the time: its machine does not stand still")
        self.image.unlink()  # its file system still has it open
        self.image = copy

    def close(self) -> None:
        """Wait until nobody has the volume mounted any more. Raises: LabError."""
        self._stack.close()


def mounts() -> tuple[str, ...]:
    """Lines of shell that mount the drive and its folders."""
    lines = [f"mkdir -p {PLACE}", f"mount -t ext4 -o nodev /dev/{DRIVE} {PLACE}"]
    for folder in FOLDERS:
        inside = f"{PLACE}{folder}"
        lines += [f"mkdir -p {inside} {folder}", f"mount --bind {inside} {folder}"]
    return tuple(lines)
