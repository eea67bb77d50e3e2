"""Control groups of this machine: the ControlGroups port, and how a command enters a group before it begins."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MEMBERS = "cgroup.procs"
_LARGEST = 64 * 1024
# "0" is whoever writes. What follows runs in the same process, so that no instruction of it is outside the groups.
_ENTER = 'while [ "$1" != -- ]; do echo 0 >"$1"; shift; done 2>/dev/null; shift; exec "$@"'


class RealControlGroups:
    """The kernel's own."""

    def read(self, path: Path) -> str | None:
        """The text of one of a group's files; None where it cannot be read."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            return os.read(descriptor, _LARGEST).decode("ascii", "replace")
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def write(self, path: Path, text: str) -> None:
        """Write to one of a group's files. Raises: HostError, with the kernel's reason."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                os.write(descriptor, text.encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            raise HostError(f"cannot set {path} to {text}: {error.strerror}") from error

    def make(self, group: Path) -> None:
        """Make a group and those above it; one that is there stays as it is. Raises: HostError."""
        try:
            group.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HostError(f"cannot make the control group {group}: {error.strerror}") from error

    def remove(self, group: Path) -> bool:
        """Remove an empty group. Says whether it is gone; one with processes stays."""
        try:
            group.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def below(self, group: Path) -> list[str]:
        """The names of the groups in a group, sorted; empty where there is none."""
        try:
            with os.scandir(group) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except OSError:
            return []


def inside(groups: Sequence[Path], argv: Sequence[str]) -> list[str]:
    """A command line that enters `groups` and becomes `argv`, in one process; a group that cannot be entered is passed over."""
    if not groups:
        return list(argv)
    members = (str(group / MEMBERS) for group in groups)
    return ["/bin/sh", "-c", _ENTER, "sh", *members, "--", *argv]
