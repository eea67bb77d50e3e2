"""Who has an account on this machine, read from its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.host.ports import Files

PASSWD = Path("/etc/passwd")
_LARGEST = 4 * 1024 * 1024


def ids_of(name: str, files: Files) -> tuple[int, int]:
    """A user's own id and the id of its group. Raises: HostError, when there is no such user."""
    try:
        lines = files.read(PASSWD, at_most=_LARGEST).decode("utf-8", "replace").split("\n")
    except FileNotFoundError as error:
        raise HostError(f"there is no {PASSWD}") from error
    for line in lines:
        fields = line.split(":")
        if fields[0] == name and len(fields) >= 4 and fields[2].isdecimal() and fields[3].isdecimal():
            return int(fields[2]), int(fields[3])
    raise HostError(f"there is no user {name}")
