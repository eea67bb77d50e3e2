"""What the boot stage and the fabric tell of a provisioning, as moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.lab.timeline.journal import GIVEN_UP, STARTED, STARTING, event_moment
from limpet.lab.timeline.moments import Moment, Tone, Who

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.lab.timeline.journal import Words

UNIT = "limpet-boot.service"
READY, FAILED = "provisioned", "provisioning-failed"
"""Kinds of moments: the fabric hears that the VM is ready; that it will not be."""

_REPORTS = {"Ready": (READY, Tone.GOOD), "NotReady/ProvisioningFailed": (FAILED, Tone.BAD)}
_UNTOLD = frozenset({"media.not_ejected"})
"""What is true of the lab and not of a VM: its drives have no door."""
_SHORT = 8


class FabricWords:
    """Moments of the fabric's events about a provisioning. A report that says what the last one said is not told."""

    def __init__(self) -> None:
        self._last: str | None = None

    def moment(self, at: float, kind: str, data: Mapping[str, Any]) -> Moment | None:
        """The moment of an event; None when it is not worth a line."""
        match kind:
            case "health":
                return self._health(at, data)
            case "host-name":
                what = f"hears the host name {data['hostName']} by DHCP and has it in its DNS"
                return Moment(at=at, who=Who.FABRIC, what=what, kind=kind, facts=data)
            case "role-properties" if "CertificateThumbprint" in data:
                what = f"hears the SSH host key's fingerprint, {data['CertificateThumbprint'][:_SHORT]}…"
                return Moment(at=at, who=Who.FABRIC, what=what, kind=kind, facts=data)
        return None

    def _health(self, at: float, data: Mapping[str, Any]) -> Moment | None:
        said = f"{data['state']}/{data['subStatus']}" if data.get("subStatus") else data["state"]
        if said == self._last:
            return None
        self._last = said
        kind, tone = _REPORTS.get(said, ("health", Tone.NEWS))
        what = f'accepts the report "{said.replace("/", ": ")}"'
        if kind == FAILED:
            what += f": {_reason(data.get('description') or 'no reason given')}"
        return Moment(at=at, who=Who.FABRIC, what=what, kind=kind, tone=tone, facts=data)


def _reason(description: str) -> str:
    """Of a report for programs, the part for people. Source: guest-setup.md §A.16."""
    parts = dict(part.partition("=")[::2] for part in description.split("|"))
    return parts.get("reason", description)


def journal_moment(at: float, entry: Mapping[str, Any]) -> Moment | None:
    """The moment of an entry by or about the boot stage's service; None when it is not worth a line."""
    if entry.get("UNIT") == UNIT:
        words = _UNIT_WORDS.get(entry.get("MESSAGE_ID", ""))
        if words is None:
            return None
        kind, what, tone = words
        return Moment(at=at, who=Who.BOOT, what=what, kind=kind, tone=tone)
    if entry.get("LIMPET_EVENT") in _UNTOLD:
        return None
    return event_moment(at, Who.BOOT, entry, _EVENTS)


_UNIT_WORDS = {
    STARTING: ("boot-started", f"is started ({UNIT}), before the network", Tone.NEWS),
    STARTED: ("boot-ended", "has ended; the network and the agent may start", Tone.NEWS),
    GIVEN_UP: ("boot-lost", "has failed, says systemd", Tone.BAD),
}


def _begun(facts: Mapping[str, str]) -> str:
    return f"sees that this VM is {facts['standing']} (id {facts['vm'][:_SHORT]}…)"


def _task(facts: Mapping[str, str]) -> str | None:
    """What was done, with its duration where that is a millisecond or more. What fails is told whatever it is."""
    if facts["state"] != "done":
        return f"fails: {facts['problem']}" if "problem" in facts else None
    words, duration = _TASKS.get(facts["task"]), round(float(facts["seconds"]) * 1000)
    return f"{words} ({duration} ms)" if words and duration else words


_TASKS = {
    "clone": "forgets the VM that this disk came from",
    "account": "makes the user",
    "sudo": "lets the user become root",
    "ssh-keys": "puts the user's SSH key in place",
    "host-name": "sets the host name",
    "host-keys": "makes SSH host keys",
    "resource-disk": "prepares the temporary disk and mounts it",
    "swap": "makes a swap file",
    "CustomData": "keeps the custom data",
    "marker": "notes that this VM is provisioned",
}

_EVENTS: Mapping[str, Words] = {
    "boot.begun": _begun,
    "boot.task": _task,
    "media.found": lambda facts: f"reads who this VM is to be from {facts['where']}",
    "metadata.found": lambda facts: f"hears who this VM is to be from {facts['where']}",
    "network.lease": lambda facts: f"has a lease on {facts['interface']}: {facts['address']}",
    "network.there": lambda facts: f"uses the network that is there, by {facts['interface']}",
}
