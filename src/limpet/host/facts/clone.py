"""What of another VM may be on this disk."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.clone import CloneFacts
from limpet.guest.lease import SAVED_LEASE
from limpet.host.facts import peers
from limpet.host.facts.reading import is_there, names_in

if TYPE_CHECKING:
    from limpet.host.ports import Files

# Source: guest-setup.md §A.9.1 step 3. /run is empty after every start.
_LEASES = (
    (Path("/var/lib/dhclient"), re.compile(r".+")),
    (Path("/var/lib/dhcpcd"), re.compile(r".+")),
    (Path("/var/lib/dhcp"), re.compile(r".+")),
    (Path("/var/lib/NetworkManager"), re.compile(r"dhclient-.*\.lease")),
)
_HANDLER = re.compile(r"[A-Za-z][\w.-]*\.[\w.-]+-\d[\d.]*")
_AGENT = re.compile(r"WALinuxAgent-")
_MOST = 10_000


def look(files: Files, library: Path) -> CloneFacts:
    """Read the names."""
    names = names_in(files, library)
    inner: list[str] = []
    for name in names:
        if _HANDLER.fullmatch(name) and not _AGENT.match(name):
            inner.append(f"{name}/mrseq")
            for folder in ("status", "config"):
                inner += [f"{name}/{folder}/{each}" for each in names_in(files, library / name / folder)]
    return CloneFacts(
        in_library=names[:_MOST],
        in_handlers=[each for each in inner[:_MOST] if is_there(files, library / each)],
        leases=[
            folder / name
            for folder, pattern in _LEASES
            for name in names_in(files, folder)
            if pattern.fullmatch(name)
        ],
        saved_lease=is_there(files, SAVED_LEASE),
        peer=peers.look(files),
    )
