"""From one document to the next: what happened, in words, and the appliance as it is then. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from limpet.emulator.dashboard.appliance import Appliance, Happening
from limpet.emulator.dashboard.gap import accepted, interrupted, opened
from limpet.emulator.dashboard.members import member

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from limpet.emulator.world.vm import VirtualMachine

BAD_STAGES = frozenset({"rolling-back", "rescue", "repairing", "degraded", "stopped"})
HEALTHY = "healthy"
_HOLDERS = {
    "boot": "boot on Linux",
    "status-only": "the status-only agent on Linux",
    "guest-shell": "the guest shell",
    "nobody": "nobody",
}
_SHORT = 80


def told(
    vm: VirtualMachine, document: Mapping[str, Any], now: float
) -> tuple[VirtualMachine, list[Happening]]:
    """The VM after a document came, and what it says that the one before did not."""
    known = vm.appliance or Appliance(at=now, document={})
    happened = list(_changes(known.document, document, now))
    gaps = known.gaps
    reports = [report.at for report in vm.inbox.statuses if report.status is not None]
    pause = interrupted(known.document, document, gaps, reports, last=known.at, now=now)
    if vm.appliance is not None and pause is not None:
        gaps = opened(gaps, *pause, reports)
    after = replace(known, at=now, document=document, happened=known.happened.append(*happened), gaps=gaps)
    return replace(vm, appliance=after), happened


def status_accepted(vm: VirtualMachine, at: float) -> VirtualMachine:
    """The VM after a status that can be read was accepted."""
    known = vm.appliance
    if known is None or (gaps := accepted(known.gaps, at)) is known.gaps:
        return vm
    return replace(vm, appliance=replace(known, gaps=gaps))


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], now: float) -> Iterator[Happening]:
    stage = after.get("stage")
    if stage is not None and stage != before.get("stage"):
        words = _short(after.get("words"))
        yield _happening(
            now, "stage", stage.replace("-", " ") + (f": {words}" if words else ""), bad=stage in BAD_STAGES
        )
    holder = member(after, "fabricLease", "holder")
    if holder is not None and _lease(before) != _lease(after):
        epoch = member(after, "fabricLease", "epoch")
        number = "" if epoch is None else f", epoch {epoch}"
        yield _happening(
            now, "lease", f"{_HOLDERS.get(holder, _short(holder))} holds the fabric lease{number}"
        )
    yield from _nics(before, after, now)
    yield from _health(before, after, now)
    yield from _shell(before, after, now)
    yield from _handover(before, after, now)


def _lease(document: Mapping[str, Any]) -> tuple[Any, Any]:
    return member(document, "fabricLease", "holder"), member(document, "fabricLease", "epoch")


def _nics(before: Mapping[str, Any], after: Mapping[str, Any], now: float) -> Iterator[Happening]:
    old, new = (
        {(nic.get("mac"), nic.get("name")): nic for nic in document.get("nics") or () if nic}
        for document in (before, after)
    )
    # Told in the order in which a handover moves them; what returns begins with the primary one.
    for key, nic in sorted(new.items(), key=lambda each: _turn(each[1])):
        owner, was = nic.get("owner"), old.get(key, {}).get("owner")
        if owner == was or owner is None:
            continue
        name = _short(nic.get("name")) or "a NIC"
        words = f"{name}: {_short(was)} → {_short(owner)}" if was else f"{name} is with {_short(owner)}"
        yield _happening(now, "nic", words, bad=owner == "gone")
    for key in old.keys() - new.keys():
        yield _happening(now, "nic", f"{_short(old[key].get('name')) or 'a NIC'} is there no more", bad=True)


def _turn(nic: Mapping[str, Any]) -> bool:
    """False for those that come first: the primary NIC leaves Linux last, and is the first to come back."""
    return bool(nic.get("primary")) is (nic.get("owner") != "linux")


def _health(before: Mapping[str, Any], after: Mapping[str, Any], now: float) -> Iterator[Happening]:
    health, was = member(after, "networkOs", "health"), member(before, "networkOs", "health")
    if health is not None and health != was:
        driver = _short(member(after, "networkOs", "driver"))
        problem = _short(member(after, "networkOs", "problem"))
        words = f"network OS{f' ({driver})' if driver else ''}: {_short(health)}" + (
            f": {problem}" if problem else ""
        )
        yield _happening(now, "network-os", words, bad=was == HEALTHY or bool(problem))


def _shell(before: Mapping[str, Any], after: Mapping[str, Any], now: float) -> Iterator[Happening]:
    state = member(after, "guestShell", "state")
    restarts = member(after, "guestShell", "restarts") or 0
    restarted = restarts > (member(before, "guestShell", "restarts") or 0)
    if state is None or (state == member(before, "guestShell", "state") and not restarted):
        return
    problem = _short(member(after, "guestShell", "problem"))
    words = f"guest shell: {_short(state)}" + (f", restart {restarts}" if restarted else "")
    yield _happening(
        now, "guest-shell", words + (f": {problem}" if problem else ""), bad=state == "failed" or restarted
    )


def _handover(before: Mapping[str, Any], after: Mapping[str, Any], now: float) -> Iterator[Happening]:
    attempts = member(after, "handover", "attempts") or 0
    if attempts > (member(before, "handover", "attempts") or 0):
        yield _happening(now, "handover", f"handover, attempt {attempts}")
    if (problem := _problem(after)) and problem != _problem(before):
        yield _happening(now, "handover", f"trouble: {_short(problem)}", bad=True)


def _problem(document: Mapping[str, Any]) -> str | None:
    found = member(document, "problem") or member(document, "handover", "problem")
    return None if found is None else str(found)


def _happening(at: float, kind: str, words: str, *, bad: bool = False) -> Happening:
    return Happening(at=at, kind=kind, words=words, bad=bad)


def _short(text: Any) -> str:
    words = "" if text is None else str(text)
    return words if len(words) <= _SHORT else words[: _SHORT - 1] + "…"
