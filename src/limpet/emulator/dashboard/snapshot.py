"""Everything that the page shows of one moment, as JSON of bounded size: nothing secret, no text that misleads. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet import __version__
from limpet.emulator.dashboard import levels, shown, switches
from limpet.emulator.dashboard.members import member
from limpet.emulator.dashboard.shown import name, text
from limpet.emulator.narration import outcome
from limpet.emulator.world.conditions import health_words
from limpet.emulator.world.goalstates import summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from limpet.emulator.dashboard.gap import Gap
    from limpet.emulator.world.ledger import Entry
    from limpet.emulator.world.state import World
    from limpet.emulator.world.vm import StatusReport, VirtualMachine
    from limpet.model.status import AgentStatus

MOST_VMS = 60
MOST_REQUESTS = 40
MOST_HEALTH = 8
MOST_HAPPENINGS = 40
MOST_GAPS = 5


def snapshot(world: World, chosen: str | None, services: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The page's content. chosen: the VM that is shown in full; the first one when there is none of that name."""
    names = sorted(world.vms)
    shown_name = chosen if chosen in world.vms else (names[0] if names else None)
    vm = world.vms[shown_name] if shown_name is not None else None
    listed = names[:MOST_VMS]
    if shown_name is not None and shown_name not in listed:
        listed[-1] = shown_name
    return {
        "fabric": {
            "version": __version__,
            "endpoint": world.settings.endpoint,
            "strict": world.settings.strict,
            "fastTrack": world.settings.fast_track,
        },
        "vms": [_line(world.vms[each]) for each in listed],
        "moreVms": len(names) - len(listed),
        "asked": chosen,
        "vm": None if vm is None else _whole(world, vm),
        "faults": {
            "switches": switches.switched(world.faults, shown_name),
            "ports": switches.ports(services),
            "rules": shown.plain(switches.own_rules(world.faults)),
        },
        "packages": sorted({package.name for package in world.packages})[: shown.MOST_MEMBERS],
    }


def choices() -> dict[str, Any]:
    """What the page's forms offer: it does not change while the emulator runs."""
    return {"kinds": list(switches.KINDS), "endpoints": list(switches.ENDPOINTS)}


def _line(vm: VirtualMachine) -> dict[str, Any]:
    health = vm.inbox.health.latest
    return {
        "name": vm.name,
        "address": vm.address,
        "health": health_words(health.value) if health else None,
        "stage": vm.appliance.document.get("stage") if vm.appliance else None,
        "gapOpen": bool(vm.appliance and vm.appliance.gaps and vm.appliance.gaps[-1].until is None),
    }


def _whole(world: World, vm: VirtualMachine) -> dict[str, Any]:
    inbox, newest = vm.inbox, vm.status
    goal_state = summary(vm)
    return {
        **_line(vm),
        "vmId": vm.identity.vm_id,
        "appliance": _appliance(vm),
        "goalState": {
            "incarnation": vm.current_incarnation,
            "etag": vm.etag,
            "source": goal_state["source"],
            "seen": vm.current_incarnation in vm.incarnations_seen or vm.etag in vm.etags_seen,
            "onHold": vm.plan.on_hold,
            "incarnationsSeen": list(vm.incarnations_seen[-6:]),
            "etagsSeen": len(vm.etags_seen),
        },
        "levels": levels.levels(vm),
        "unasked": levels.unasked(vm),
        "status": None
        if newest is None or newest.status is None
        else _status(newest, newest.status, str(goal_state["svdSequenceNumber"])),
        "unreadable": next((text(r.problem) for r in inbox.statuses.items[-1:] if r.status is None), None),
        "healthReports": [
            {"at": report.at, "words": health_words(report.value), "description": text(report.value.description),
             "agent": name(report.value.agent), "form": report.value.form}
            for report in inbox.health.items[-MOST_HEALTH:][::-1]
        ],
        "nics": [{"mac": nic.mac, "address": nic.address} for nic in vm.nics[:MOST_VMS]],
        "hostName": name(vm.registered_name.value) if vm.registered_name else None,
        "counts": {
            "requests": world.ledger.seen(vm.name),
            "statuses": inbox.statuses.seen,
            "health": inbox.health.seen,
            "telemetry": inbox.telemetry.seen,
            "observations": inbox.observations.seen,
            "logs": inbox.logs.seen,
            "certificates": len(vm.certificates),
        },
        "requests": [_request(entry) for entry in _latest(world, vm.name)],
    }  # fmt: skip


def _status(report: StatusReport, status: AgentStatus, wanted: str) -> dict[str, Any]:
    """wanted: how an answer to the newest goal state names it."""
    aggregate = status.goal_state
    return {
        "at": report.at,
        "serial": report.serial,
        "channel": report.channel,
        "agent": name(status.guest.agent_version),
        "computer": name(status.guest.computer_name),
        "system": name(f"{status.guest.os_name} {status.guest.os_version}".strip()),
        "state": text(status.status, 40),
        "message": text(status.message.message),
        "aggregate": None
        if aggregate is None
        else {
            "status": text(aggregate.status, 40),
            "code": name(aggregate.code),
            "message": text(aggregate.message.message),
            "current": str(aggregate.svd_sequence_number) == wanted,
        },
    }


def _appliance(vm: VirtualMachine) -> dict[str, Any] | None:
    known = vm.appliance
    if known is None:
        return None
    status = vm.status
    return {
        "at": known.at,
        "document": shown.plain(dict(known.document)),
        "holder": text(member(known.document, "fabricLease", "holder"), 60),
        "happened": [
            {"at": one.at, "kind": one.kind, "words": text(one.words), "bad": one.bad}
            for one in known.happened.items[-MOST_HAPPENINGS:][::-1]
        ],
        "gaps": [_gap(gap) for gap in known.gaps[-MOST_GAPS:][::-1]],
        "lastStatus": status.at if status else None,
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "since": gap.since,
        "until": gap.until,
        "seconds": gap.seconds,
        "cause": text(gap.cause),
    }


def _latest(world: World, vm: str) -> Iterable[Entry]:
    ring = world.ledger.rings.get(vm)
    return () if ring is None else ring.items[-MOST_REQUESTS:][::-1]


def _request(entry: Entry) -> dict[str, Any]:
    answered = {"status": entry.status, "service": entry.service.value}
    return {
        "id": entry.id,
        "at": entry.at,
        "method": text(entry.method, 12),
        "endpoint": entry.endpoint,
        "target": text(entry.target.split("?")[0], 120),
        "service": entry.service.value,
        "status": outcome(answered),
        "bad": entry.status is None or entry.status >= 400,
        "milliseconds": round(entry.seconds * 1000, 1),
        "fault": text(entry.fault),
        "remarks": [text(remark) for remark in entry.remarks[:4]],
    }
