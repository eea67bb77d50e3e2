"""The instance metadata service. Source: wire-protocol.md §10, §A.2; guest-setup.md §A.14."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from limpet.emulator.exchange import JSON, XML, Objection, Reply
from limpet.emulator.world import metadata

if TYPE_CHECKING:
    from limpet.emulator.exchange import Call
    from limpet.emulator.routes.context import Context
    from limpet.emulator.world.state import World
    from limpet.emulator.world.vm import VirtualMachine

NEWEST_TOLD = 3


def instance(world: World, vm: VirtualMachine, call: Call, _context: Context) -> tuple[World, Reply]:
    """The instance document or a part of it, as JSON or (``format=text``) as text."""
    version = call.query.get("api-version")
    if version not in metadata.VERSIONS:
        return world, _version_refused(version)
    extended = call.query.get("extended", "").lower() == "true"
    steps = [step for step in call.path.split("/") if step][2:]
    try:
        part = metadata.find(metadata.instance(vm, version, extended=extended), steps)
    except LookupError:
        return world, _error("Not found", status=404)
    objections = _objections(vm, call)
    form = call.query.get("format", "json").lower()
    if form not in {"json", "text"}:
        return world, _error("Bad request. The format is json or text")
    if form == "text":
        body = metadata.as_text(part).encode()
        kind = ("Content-Type", "text/plain; charset=utf-8")
        return world, Reply(body=body, headers=(kind,), objections=objections)
    if not isinstance(part, dict | list):
        return world, _error("Bad request. A single value is given with format=text only")
    return world, _json(part, objections)


def versions(world: World, vm: VirtualMachine, call: Call, _context: Context) -> tuple[World, Reply]:
    """Which versions there are; the only thing that needs none."""
    return world, _json({"apiVersions": list(metadata.VERSIONS)}, _objections(vm, call))


def scheduled_events(world: World, vm: VirtualMachine, call: Call, _context: Context) -> tuple[World, Reply]:
    """Nothing is ever planned for an emulated VM."""
    if "api-version" not in call.query:
        return world, _version_refused(None)
    return world, _json({"DocumentIncarnation": 1, "Events": []}, _objections(vm, call))


def reprovision_data(world: World, vm: VirtualMachine, call: Call, _context: Context) -> tuple[World, Reply]:
    """The ovf-env.xml that makes a pre-provisioned VM a user's; 404 while there is none."""
    if "api-version" not in call.query:
        return world, _version_refused(None)
    if vm.reprovision_data is None:
        return world, _error("Not found: the VM has not been given to anybody yet", status=404)
    body = vm.reprovision_data.reveal()
    return world, Reply(body=body, headers=(XML,), objections=_objections(vm, call))


def not_emulated(world: World, _vm: VirtualMachine, call: Call, _context: Context) -> tuple[World, Reply]:
    """What needs keys that only the real platform has."""
    return world, _error(
        f"{call.path[:60]} is not emulated: what it gives is signed by the platform", status=404
    )


def _objections(vm: VirtualMachine, call: Call) -> tuple[Objection, ...]:
    """What every request to the service needs. Source: the service's published reference."""
    found = []
    if (call.header("metadata") or "").lower() != "true":
        found.append(
            Objection(
                status=400, message="Bad request. Required metadata header not specified: Metadata: true"
            )
        )
    if call.header("x-forwarded-for") is not None:
        found.append(
            Objection(status=400, message="Bad request. Requests with X-Forwarded-For are not answered")
        )
    if call.source != vm.address:
        message = f"{call.source} is not the primary address of the primary NIC, {vm.address}"
        found.append(Objection(status=403, message=message))
    return tuple(found)


def _version_refused(version: str | None) -> Reply:
    reason = "was not specified in the request" if version is None else f"{version[:40]!r} is not supported"
    newest = list(reversed(metadata.VERSIONS))[:NEWEST_TOLD]
    return _error(f"Bad request. api-version {reason}", {"newest-versions": newest})


def _json(value: Any, objections: tuple[Objection, ...]) -> Reply:
    return Reply(body=json.dumps(value).encode(), headers=(JSON,), objections=objections)


def _error(message: str, more: dict[str, Any] | None = None, *, status: int = 400) -> Reply:
    body = json.dumps({"error": message, **(more or {})}).encode()
    return Reply(status=status, body=body, headers=(JSON,))
