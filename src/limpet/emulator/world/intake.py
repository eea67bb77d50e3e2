"""Reading the status blob whenever it was written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.emulator.dashboard.story import status_accepted
from limpet.emulator.world.goalstates import status_path
from limpet.emulator.world.vm import StatusReport
from limpet.model.errors import MalformedDocument
from limpet.model.extensions import BlobType
from limpet.wire.statusblob import parse_status

if TYPE_CHECKING:
    from limpet.emulator.world.ring import Ring
    from limpet.emulator.world.state import World
    from limpet.model.status import AgentStatus

LARGEST_KEPT = 1024 * 1024
"""Of a larger report the text is not kept, only what was read from it."""
LARGEST_TOTAL = 16 * 1024 * 1024
"""Of reports before so many bytes of newer ones, only that they came is kept."""
FORGOTTEN = "no longer kept: newer reports have taken its place"


def status_written(world: World, path: str, channel: str, now: float) -> World:
    """Take in the blob at `path`, if it is a VM's status blob and holds a report.

    A page blob is empty between its creation and its first write. Source: wire-protocol.md §6.1.
    """
    vm = next((vm for vm in world.vms.values() if status_path(vm) == path), None)
    if vm is None:
        return world
    blob = world.blobs.get(path)
    raw = blob.content.rstrip(b"\0 ")
    if not raw:
        return world
    status: AgentStatus | None = None
    problem = None
    try:
        status = parse_status(raw)
    except MalformedDocument as error:
        problem = str(error)
    if status is None and blob.kind is BlobType.PAGE and blob.content.endswith(b"\0"):
        # The first of several writes: the rest is still to come, or never comes; either way it is no report.
        return world
    report = StatusReport(
        serial=vm.inbox.statuses.seen + 1,
        at=now,
        channel=channel,
        kind=blob.kind,
        raw=raw if len(raw) <= LARGEST_KEPT else b"",
        status=status,
        problem=problem,
        size=len(raw),
    )
    vm = replace(vm, inbox=replace(vm.inbox, statuses=_bounded(vm.inbox.statuses.append(report))))
    if status is not None:
        vm = status_accepted(vm, now)
    return world.with_vm(vm).tell(now, "status", vm.name, **_summary(report))


def _bounded(reports: Ring[StatusReport]) -> Ring[StatusReport]:
    """`reports` without the content of those that are too much, oldest first; the newest one stays whatever its size."""
    total = 0
    kept: list[StatusReport] = []
    for report in reversed(reports.items):
        total += report.size
        if kept and total > LARGEST_TOTAL:
            kept.append(replace(report, raw=b"", status=None, problem=report.problem or FORGOTTEN))
        else:
            kept.append(report)
    return replace(reports, items=tuple(reversed(kept))) if total > LARGEST_TOTAL else reports


def _summary(report: StatusReport) -> dict[str, object]:
    found: dict[str, object] = {
        "serial": report.serial,
        "channel": report.channel,
        "blobType": report.kind.value,
        "size": report.size,
    }
    if report.status is None:
        return {**found, "problem": report.problem}
    handlers = [
        {
            "name": handler.name,
            "version": handler.version,
            "status": handler.status,
            "code": handler.code,
            "extension": handler.settings.extension_name if handler.settings else None,
            "extensionStatus": handler.settings.status.status.value
            if handler.settings and handler.settings.status.status
            else None,
            "sequenceNumber": handler.settings.sequence_number if handler.settings else None,
        }
        for handler in report.status.handlers
    ]
    status = report.status
    goal_state = status.goal_state
    told = {
        "computerName": status.guest.computer_name,
        "state": status.status,
        "message": status.message.message,
    }
    aggregate = goal_state and {
        "status": goal_state.status,
        "code": goal_state.code,
        "inSvdSeqNo": goal_state.svd_sequence_number,
    }
    return {**found, **told, "handlers": handlers, "goalState": aggregate}
