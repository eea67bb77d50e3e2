"""What the supervisor tells the agent in the guest shell: that this is one, and all it needs to go on where boot left off.

The file alone does not make a guest shell: its instance must also be in the environment that the container was started with
(requirement R4). Source: network-appliance.md §8.2, R2 and R4.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limpet.guest.fabric_lease import SHELL_BRIEF
from limpet.guest.lease import parse_lease, render_lease
from limpet.guest.records import members_of, word
from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from limpet.guest.lease import AcquiredLease

BRIEF = SHELL_BRIEF
"""In the exchange folder (limpet.guest.fabric_lease)."""
VARIABLE = "LIMPET_GUEST_SHELL"
"""In the environment of the container's first process: the instance."""

VERSION = 1
LARGEST = 128 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class ShellBrief:
    """instance: the container's, new at each start. vm_id: as the platform writes it. ready: whether Ready was accepted.

    wire_server: an address. lease: the primary NIC's, None where there was no DHCP. container_id: the fabric's name for the
    VM's place, None while nobody has asked. stage: what the status text says of where the appliance is.
    """

    instance: str
    vm_id: str
    wire_server: str
    ready: bool
    lease: AcquiredLease | None = None
    container_id: str | None = None
    stage: str = "guest shell"


def render_brief(brief: ShellBrief) -> bytes:
    """The file `parse_brief` reads."""
    members = {
        "version": VERSION,
        "instance": brief.instance,
        "vmId": brief.vm_id,
        "wireServer": brief.wire_server,
        "ready": brief.ready,
        "lease": None if brief.lease is None else json.loads(render_lease(brief.lease)),
        "containerId": brief.container_id,
        "stage": brief.stage,
    }
    return (json.dumps(members, indent=1) + "\n").encode("ascii")


def parse_brief(content: bytes) -> ShellBrief:
    """Read the file. Raises: MalformedDocument, whatever is wrong with it."""
    found = members_of(content, BRIEF, version=VERSION, at_most=LARGEST)
    if not isinstance(found.get("ready"), bool):
        raise MalformedDocument(BRIEF, "ready is neither true nor false")
    return ShellBrief(
        instance=word(found, "instance", BRIEF),
        vm_id=word(found, "vmId", BRIEF),
        wire_server=word(found, "wireServer", BRIEF),
        ready=found["ready"],
        lease=_lease(found.get("lease")),
        container_id=None if found.get("containerId") is None else word(found, "containerId", BRIEF),
        stage=word(found, "stage", BRIEF),
    )


def _lease(found: Any) -> AcquiredLease | None:
    return None if found is None else parse_lease(json.dumps(found).encode("ascii"))
