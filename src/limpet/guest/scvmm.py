"""SCVMM: an on-premises manager that specialises a VM by its own agent, which comes on a disc. Source: guest-setup.md §E.

If its disc is there, nothing of Azure's provisioning is done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.guest.steps import MakeFolder, Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

DETECTION_FILE = "linuxosconfiguration.xml"
INSTALLER = "install"
_DRIVE = re.compile(r"(?:sr\d|hd[c-z]|cdrom\d?|cd\d+)\Z")
_MOUNT_SECONDS, INSTALL_SECONDS = 60.0, 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Drive:
    """A drive that may hold the disc. point: where its disc is mounted already, None where it is not."""

    device: Path
    point: Path | None = None


def drives(names: Iterable[str], targets: Mapping[str, str]) -> list[str]:
    """The drives among the names in /dev, each once. targets: what names that are links lead to."""
    found = [name for name in names if _DRIVE.match(name)]
    real = [targets.get(name, name) for name in found]
    return list(dict.fromkeys(name for name in real if _DRIVE.match(name)))


def is_scvmm(names: Iterable[str]) -> bool:
    """Whether the root of a disc, by its names, is that of SCVMM's. Plain ISO 9660 has no lower case."""
    return any(name.lower() == DETECTION_FILE for name in names)


def mounting(device: Path, point: Path) -> tuple[MakeFolder, Run]:
    """Mount a disc to look at it, and never change it."""
    argv = ("mount", "-o", "ro", "-t", "udf,iso9660", str(device), str(point))
    return MakeFolder(point, 0o700), Run(argv, timeout=_MOUNT_SECONDS)


def unmounting(point: Path) -> Run:
    """Let go of a disc that is another's."""
    return Run(("umount", str(point)), timeout=_MOUNT_SECONDS)


def installation(point: Path, output: Path | None) -> Run:
    """Start SCVMM's own agent, as its documentation says. It does the rest and takes its disc away itself.

    output: a file that gets what it says.
    """
    argv = ("/bin/bash", str(point / INSTALLER), "-p", f"{point}/")
    return Run(argv, timeout=INSTALL_SECONDS, output=output)
