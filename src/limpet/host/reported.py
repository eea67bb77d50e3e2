"""What the fabric has accepted in this boot, and by whom it was told: no stage sends it twice.

The file is in /run, which is empty after every start; the boot's id is in it all the same, for machines on which /run stays.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.facts.reading import bytes_of, text_of

if TYPE_CHECKING:
    from limpet.host.ports import Files

REPORTED = Path("/run/limpet/reported.json")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LARGEST = 64 * 1024
_VERSION = 1
_MOST = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """One report that the fabric took. state: ``Ready``, ``Provisioning`` or ``ProvisioningFailed``. at: seconds since 1970.

    container_id: the fabric's name for the VM's place, under which it was made; None where nobody noted it.
    """

    state: str
    at: float
    by: str
    container_id: str | None = None


def accepted_in_this_boot(files: Files) -> tuple[Accepted, ...]:
    """Oldest first; none when nothing is known, whatever the reason: a report too many is better than none."""
    content = bytes_of(files, REPORTED, at_most=_LARGEST)
    try:
        found = json.loads(content or b"{}")
        if found["version"] != _VERSION or found["boot"] != boot_id(files):
            return ()
        return tuple(
            Accepted(
                state=str(each["state"]),
                at=float(each["at"]),
                by=str(each["by"]),
                container_id=None if each.get("container") is None else str(each["container"]),
            )
            for each in found["accepted"]
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return ()


def note_accepted(files: Files, report: Accepted) -> None:
    """Add to it. Raises: HostError."""
    every = (*accepted_in_this_boot(files), report)[-_MOST:]
    content = {
        "version": _VERSION,
        "boot": boot_id(files),
        "accepted": [
            {"state": each.state, "at": each.at, "by": each.by}
            | ({"container": each.container_id} if each.container_id else {})
            for each in every
        ],
    }
    files.make_folder(REPORTED.parent)
    files.replace(REPORTED, (json.dumps(content, indent=1) + "\n").encode("ascii"), durable=False)


def boot_id(files: Files) -> str:
    """The kernel's name for this boot; empty where it has none."""
    return text_of(files, _BOOT_ID) or ""


def ready_is_known(files: Files) -> bool:
    """Whether the fabric's last word of this boot is Ready, so that nobody has to say it again."""
    known = accepted_in_this_boot(files)
    return bool(known) and known[-1].state == "Ready"
