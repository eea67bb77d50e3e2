"""The fabric lease: the right to talk to the fabric, which exactly one stage of an appliance has.

Two things make it safe. `grant.json` names the holder and an epoch that only grows; whoever finds another holder, or another
epoch than the one it began under, stops. And whoever talks holds a lock (`fabric.lock`), which the supervisor takes back before
it grants anew: a holder that does not let go is ended first. Decision: docs/decisions/0023-appliance.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from limpet.guest.records import members_of, word
from limpet.model.errors import MalformedDocument

EXCHANGE = Path("/run/limpet/appliance")
"""The folder in which the stages meet, on the host; it is gone after a start of the machine, and so is every grant."""
IN_THE_GUEST = Path("/var/lib/limpet/appliance")
"""The same folder as the guest shell has it."""
GRANT = "grant.json"
LOCK = "fabric.lock"
SHELL_BRIEF = "shell.json"
"""What the guest shell is told (limpet.guest.shell_brief)."""
NEWS_FOLDER = "out"
"""What the guest may write to."""

DOCUMENT = "grant.json"
VERSION = 1
LARGEST = 16 * 1024


class Holder(Enum):
    """Who may talk to the fabric."""

    NOBODY = "nobody"
    BOOT = "boot"
    STATUS_ONLY = "status-only"
    """The agent on the host that only reports: before a handover, in a rescue, and beside a guest shell that keeps failing."""
    GUEST_SHELL = "guest-shell"


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """epoch: grows with every grant, also over starts of the machine. boot: the kernel's name of the boot it was made in."""

    holder: Holder
    epoch: int
    boot: str


def render_grant(grant: Grant) -> bytes:
    """The file `parse_grant` reads."""
    members = {"version": VERSION, "holder": grant.holder.value, "epoch": grant.epoch, "boot": grant.boot}
    return (json.dumps(members) + "\n").encode("ascii")


def parse_grant(content: bytes) -> Grant:
    """Read the file. Raises: MalformedDocument, whatever is wrong with it."""
    found = members_of(content, DOCUMENT, version=VERSION, at_most=LARGEST)
    epoch = found.get("epoch")
    if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 0:
        raise MalformedDocument(DOCUMENT, "epoch is not a number that counts")
    try:
        holder = Holder(word(found, "holder", DOCUMENT))
    except ValueError as error:
        raise MalformedDocument(DOCUMENT, "holder is nobody that is known") from error
    return Grant(holder=holder, epoch=epoch, boot=str(found.get("boot", "")))
