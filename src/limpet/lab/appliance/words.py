"""What the fabric tells of an appliance, as moments; and how long it was without a status. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from limpet.lab.timeline import boot
from limpet.lab.timeline.moments import Moment, Tone, Who
from limpet.lab.timeline.words import FabricWords

if TYPE_CHECKING:
    from collections.abc import Mapping

GUEST_NAME = "guestshell"
"""The guest shell's host name, by which its reports are told from those of Linux."""
STATUS = "status"
_TOLD = frozenset({"published", STATUS, boot.READY, boot.FAILED})
_SETTLED = frozenset({"success", "error"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """A status that the fabric has accepted. sender: `LINUX` or `GUEST`."""

    at: float
    sender: Who

    @property
    def name(self) -> str:
        """Who reported, in words."""
        return "the guest shell" if self.sender is Who.GUEST else "Linux"


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A time without an accepted status. Both ends are in the fabric's own record."""

    last: Accepted
    first: Accepted

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.first.at - self.last.at


class ApplianceWords:
    """Moments of one VM's events, and the statuses accepted of it."""

    def __init__(self, vm: str) -> None:
        self._vm = vm
        self._fabric = FabricWords(vm)
        self._said: tuple[Any, ...] = ()
        self._known: set[tuple[Any, ...]] = set()
        self.accepted: tuple[Accepted, ...] = ()

    def moment(self, event: Mapping[str, Any]) -> Moment | None:
        """The moment of an event; None when it is another VM's, or nothing for anybody."""
        if event["vm"] != self._vm:
            return None
        found = self._fabric.moment(event)
        if event["kind"] == "status" and "handlers" in event["data"]:
            return self._status(event["at"], event["data"], found)
        if found is None:
            return None
        if found.kind == "request":
            quiet = event["data"]["endpoint"] == "certificates" or "manifest.xml" in found.what
            return replace(
                found, who=Who.GUEST, tone=Tone.QUIET if quiet and found.tone is Tone.PLAIN else found.tone
            )
        return found if found.kind in _TOLD else replace(found, tone=Tone.QUIET)

    def _status(self, at: float, data: Mapping[str, Any], news: Moment | None) -> Moment:
        """Who says what for the first time is told, and trouble; then what is new of handlers; all else to programs only."""
        sender = Who.GUEST if data.get("computerName") == GUEST_NAME else Who.BOOT
        report = Accepted(at=at, sender=sender)
        self.accepted = (*self.accepted, report)
        said = (sender, data.get("state"), data.get("message"))
        ready = data.get("state") == "Ready"
        new = said not in self._known if ready else said != self._said
        self._said = said
        self._known.add(said)
        facts = {**data, "sender": report.name}
        handlers = "" if news is None else news.what.partition(": ")[2]
        tone = Tone.QUIET if news is None else news.tone
        if handlers == "no handlers yet" or (news is not None and not _is_settled(data)):
            handlers, tone = "", Tone.QUIET
        if new:
            what = f'accepts from {report.name}: {"" if ready else "NotReady, "}"{data.get("message")}"'
            tone = Tone.GOOD if ready else Tone.BAD
        else:
            what = f"accepts status: {handlers or 'nothing new'}"
        return Moment(at=at, who=Who.FABRIC, what=what, kind=STATUS, tone=tone, facts=facts)


def _is_settled(data: Mapping[str, Any]) -> bool:
    return all(entry["extensionStatus"] in _SETTLED for entry in data["handlers"])


def gap_between_stages(accepted: tuple[Accepted, ...]) -> Gap | None:
    """The latest gap from Linux's last status to the guest shell's first; None while there is none."""
    found = [
        Gap(last=one, first=other)
        for one, other in pairwise(accepted)
        if (one.sender, other.sender) == (Who.BOOT, Who.GUEST)
    ]
    return found[-1] if found else None
