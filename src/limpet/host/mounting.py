"""Mounts provisioning media read-only, for what cannot be read without. Source: guest-setup.md §A.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.ports import Commands, Files

_SECONDS = 30.0
_OPTIONS = "ro,nosuid,nodev,noexec"


def mount_media(files: Files, commands: Commands, device: Path, point: Path) -> None:
    """Mount `device` at `point`, which is made for root alone. Raises: HostError."""
    files.make_folder(point, mode=0o700)
    _run(commands, ("mount", "-o", _OPTIONS, "-t", "udf,iso9660,vfat", str(device), str(point)))


def unmount_media(commands: Commands, point: Path) -> None:
    """Undo `mount_media`; where something is still in use, the mount ends when that does. Raises: HostError."""
    try:
        _run(commands, ("umount", str(point)))
    except HostError:
        _run(commands, ("umount", "-l", str(point)))


def _run(commands: Commands, argv: tuple[str, ...]) -> None:
    done = commands.run(argv, timeout=_SECONDS, at_most=4096)
    if done.exit_code == 0:
        return
    said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
    reason = said[0][:200] if said else f"it ended with {done.exit_code}"
    raise HostError(f"{' '.join(argv)}: {'it did not end in time' if done.exit_code is None else reason}")
