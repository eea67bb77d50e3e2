"""The record that a VM was provisioned, and what it means for the next boot. Source: guest-setup.md §A.8.

Two files say it: our own, and the peer's sentinel, so that neither agent provisions what the other one has. Where neither
is there the record of cloud-init or azure-init counts: it may have provisioned this VM before somebody switched it off.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from limpet.guest.identity import same_vm
from limpet.guest.records import members_of, word
from limpet.guest.steps import MakeFolder, Task, Write
from limpet.model.errors import MalformedDocument

MARKER = Path("/var/lib/limpet/provisioned.json")
POOL_RECORD = Path("/var/lib/limpet/pool.json")
"""What a VM that is pre-provisioned in a pool has said there (limpet.guest.pool); it goes when the VM is somebody's."""
CLOUD_INIT = Path("/var/lib/cloud/data/instance-id")
"""The id of the VM that cloud-init has last provisioned. Source: guest-setup.md §A.8."""
AZURE_INIT = Path("/var/lib/azure-init")
"""Has a file VMID.provisioned. Source: as above."""
NO_ID = "unidentified"
"""The VM id in the marker of a machine whose firmware gave none."""
DOCUMENT = "provisioned.json"
VERSION = 1
LARGEST = 64 * 1024


class Standing(Enum):
    """How far the provisioning of this VM is."""

    NEW = "new"
    PROVISIONED = "provisioned"
    ADOPTED = "provisioned by another agent"
    CLONE = "a clone of a provisioned VM"


@dataclass(frozen=True, kw_only=True, slots=True)
class Marker:
    """vm_id: as the platform writes it. at: seconds since 1970. agent: who did it. reported: what the fabric accepted."""

    vm_id: str
    at: float
    agent: str
    reported: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkerFacts:
    """Both files as they are; None where there is none. Where neither is there: cloud-init's record, and azure-init's, file names."""

    marker: bytes | None = None
    sentinel: bytes | None = None
    cloud_init: bytes | None = None
    azure_init: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the files mean for this VM. note: what a person should know of how that was decided. marker: ours, if readable."""

    standing: Standing
    note: str | None = None
    marker: Marker | None = None


def another_vm(recorded: str, vm_id: str) -> bool:
    """Whether what was recorded for one VM is another one's now; a record of when the firmware gave no id is this one's."""
    return NO_ID not in {recorded, vm_id} and not same_vm(recorded, vm_id)


def parse_marker(content: bytes) -> Marker:
    """Read our file. Members it does not know are passed over. Raises: MalformedDocument."""
    found = members_of(content, DOCUMENT, version=VERSION, at_most=LARGEST)
    at = found.get("at")
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < 1e11:
        raise MalformedDocument(DOCUMENT, "at is not a time")
    reported = found.get("reported")
    return Marker(
        vm_id=word(found, "vmId", DOCUMENT),
        at=float(at),
        agent=word(found, "agent", DOCUMENT),
        reported=None if reported is None else word(found, "reported", DOCUMENT),
    )


def render_marker(marker: Marker) -> bytes:
    """The file `parse_marker` reads."""
    members = {
        "version": VERSION,
        "vmId": marker.vm_id,
        "at": marker.at,
        "agent": marker.agent,
        "reported": marker.reported,
    }
    return (json.dumps(members, indent=1) + "\n").encode("ascii")


def judge_marker(facts: MarkerFacts, vm_id: str | None) -> Verdict:
    """What both files mean on the VM `vm_id`; None where the firmware gives no id.

    A file that cannot be read counts as absent. A VM without an id is provisioned when any file says that one was, and so is
    one whose files were written while it had none: provisioning twice is worse than asking for help.
    """
    marker, note = None, None
    if facts.marker is not None:
        try:
            marker = parse_marker(facts.marker)
        except MalformedDocument as error:
            note = f"{MARKER} is damaged and counts as absent: {error.problem}"
    stored = (
        None
        if facts.sentinel is None
        else facts.sentinel[:LARGEST].decode("utf-8", "replace").strip("\0 \r\n\t")
    )
    if marker is None and stored is None:
        return _by_others(facts, vm_id) or Verdict(standing=Standing.NEW, note=note)
    if vm_id is None:
        said = "the VM has no id to compare with, so the marker is believed"
        return Verdict(
            standing=Standing.PROVISIONED if marker else Standing.ADOPTED, note=said, marker=marker
        )
    if marker is not None and same_vm(marker.vm_id, vm_id):
        return Verdict(standing=Standing.PROVISIONED, note=note, marker=marker)
    if stored is not None and same_vm(stored, vm_id):
        return Verdict(standing=Standing.ADOPTED, note=note, marker=marker)
    # An empty sentinel is that of old agents: it says that a VM was provisioned, not which. So does a VM that had no id.
    if (marker is None or marker.vm_id == NO_ID) and stored in {None, "", NO_ID}:
        if NO_ID in {stored, marker and marker.vm_id}:
            note = "the VM had no id when it was provisioned, so the marker is believed"
        return Verdict(
            standing=Standing.PROVISIONED if marker else Standing.ADOPTED, note=note, marker=marker
        )
    return Verdict(
        standing=Standing.CLONE,
        note=f"the image was made of the VM {marker.vm_id if marker else (stored or '')[:64]} without being generalised",
        marker=marker,
    )


def _by_others(facts: MarkerFacts, vm_id: str | None) -> Verdict | None:
    """What cloud-init's and azure-init's records mean; None where they do not mean this VM."""
    if vm_id is None:
        return None
    if same_vm((facts.cloud_init or b"")[:LARGEST].decode("utf-8", "replace"), vm_id):
        return Verdict(standing=Standing.ADOPTED, note=f"cloud-init has provisioned it: {CLOUD_INIT}")
    for name in facts.azure_init:
        if same_vm(name.removesuffix(".provisioned"), vm_id):
            return Verdict(
                standing=Standing.ADOPTED, note=f"azure-init has provisioned it: {AZURE_INIT / name}"
            )
    return None


def plan_marker(facts: MarkerFacts, marker: Marker, library: Path) -> Task:
    """Write both files; nothing when they already say this VM. It is the last thing provisioning does.

    library: the folder that the peer keeps its sentinel in. The peer swaps the bytes of what the firmware says whatever the
    generation, and compares both ways; it gets the id as the platform writes it.
    """
    steps: list[MakeFolder | Write] = []
    stored = (facts.sentinel or b"").decode("utf-8", "replace")
    if not same_vm(stored, marker.vm_id):
        steps += [
            MakeFolder(path=library, mode=0o700),
            Write(path=library / "provisioned", content=marker.vm_id.encode(), mode=0o644),
        ]
    if not _says(facts.marker, marker):
        steps += [
            MakeFolder(path=MARKER.parent, mode=0o700),
            Write(path=MARKER, content=render_marker(marker), mode=0o600),
        ]
    return Task(
        name="marker",
        purpose="note that this VM is provisioned",
        steps=tuple(steps),
        advice=f"Without {MARKER} the next boot provisions again; make room on the disk.",
    )


def _says(content: bytes | None, marker: Marker) -> bool:
    try:
        found = parse_marker(content or b"")
    except MalformedDocument:
        return False
    return same_vm(found.vm_id, marker.vm_id) and found.reported == marker.reported
