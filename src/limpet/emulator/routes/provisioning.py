"""Provisioning reports and role properties, as the wire server takes them. Source: wire-protocol.md §7, guest-setup.md §A.13."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from limpet.emulator.exchange import Objection, Reply
from limpet.emulator.routes.context import text, version_objections
from limpet.emulator.schema import HEALTH, ROLE_PROPERTIES, deviations
from limpet.emulator.world.vm import ProvisioningReport, Received
from limpet.model.errors import MalformedDocument
from limpet.model.health import ProvisioningState, ProvisioningSubStatus
from limpet.model.redact import redacted
from limpet.wire import jsondoc
from limpet.wire.health import parse_health_report, parse_role_properties

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.emulator.exchange import Call
    from limpet.emulator.routes.context import Context
    from limpet.emulator.schema import Shape
    from limpet.emulator.world.state import World
    from limpet.emulator.world.vm import VirtualMachine
    from limpet.model.ids import ContainerId, InstanceId

DOCUMENT = "provisioning health"
DESCRIPTION_LIMIT = 4096
"""Bytes of a description. Source: guest-setup.md §A.13."""


def health(world: World, vm: VirtualMachine, call: Call, context: Context) -> tuple[World, Reply]:
    """A provisioning report in XML."""
    try:
        found = parse_health_report(call.body)
    except MalformedDocument as error:
        return world, text(400, str(error))
    report = ProvisioningReport(
        form="xml",
        state=found.state,
        sub_status=found.sub_status,
        description=found.description,
        agent=_agent(call),
        incarnation=found.incarnation,
        container_id=found.container_id,
        instance_id=found.instance_id,
    )
    remarks = (
        ()
        if found.incarnation in vm.fabric
        else (f"the report answers incarnation {found.incarnation}, which is not served",)
    )
    objections = (
        *version_objections(call),
        *_xml_objections(call, HEALTH),
        *_strangers(vm, found.container_id, found.instance_id),
        *_too_long(found.description),
    )
    return _taken(world, vm, report, context), Reply(remarks=remarks, objections=objections)


def health_json(world: World, vm: VirtualMachine, call: Call, context: Context) -> tuple[World, Reply]:
    """A provisioning report in JSON, as azure-init sends it: no goal state is needed for it."""
    try:
        members = _object(jsondoc.parse(call.body, DOCUMENT, limit=64 * 1024), "the document")
        details = _object(members.get("details") or {}, "details")
        state, sub_status = members.get("state"), details.get("subStatus")
        report = ProvisioningReport(
            form="json",
            state=ProvisioningState(state),
            sub_status=None if sub_status is None else ProvisioningSubStatus(sub_status),
            description=_text(details.get("description"), "details.description"),
            agent=_agent(call),
        )
    except MalformedDocument as error:
        return world, text(400, str(error))
    except ValueError as error:
        return world, text(400, str(MalformedDocument(DOCUMENT, str(error))))
    objections = (
        *_of_type(call, "application/json"),
        *_unknown(members, {"state", "details"}, ""),
        *_unknown(details, {"subStatus", "description"}, "details."),
        *_too_long(report.description),
    )
    return _taken(world, vm, report, context), Reply(status=201, objections=objections)


def role_properties(world: World, vm: VirtualMachine, call: Call, context: Context) -> tuple[World, Reply]:
    """Named values of the role instance; success is 202 and nothing else. Source: wire-protocol.md §7.3."""
    try:
        found = parse_role_properties(call.body)
    except MalformedDocument as error:
        return world, text(400, str(error))
    ring = vm.inbox.role_properties.append(Received(at=context.now, value=found))
    world = world.with_vm(replace(vm, inbox=replace(vm.inbox, role_properties=ring)))
    world = world.tell(context.now, "role-properties", vm.name, **dict(found.properties))
    objections = (
        *version_objections(call),
        *_xml_objections(call, ROLE_PROPERTIES),
        *_strangers(vm, found.container_id, found.instance_id),
    )
    return world, Reply(status=202, objections=objections)


def _taken(world: World, vm: VirtualMachine, report: ProvisioningReport, context: Context) -> World:
    ring = vm.inbox.health.append(Received(at=context.now, value=report))
    world = world.with_vm(replace(vm, inbox=replace(vm.inbox, health=ring)))
    return world.tell(
        context.now,
        "health",
        vm.name,
        form=report.form,
        state=report.state.value,
        subStatus=report.sub_status.value if report.sub_status else None,
        description=redacted(report.description or ""),
        agent=report.agent,
    )


def _agent(call: Call) -> str:
    """Who sent it: the fabric's own headers say less than the client's name."""
    names = ("x-ms-guest-agent-name", "user-agent", "x-ms-agent-name")
    return next((found[:200] for name in names if (found := call.header(name))), "")


def _xml_objections(call: Call, shape: Shape) -> Iterator[Objection]:
    yield from _of_type(call, "text/xml")
    for problem in deviations(call.body, shape):
        yield Objection(status=400, message=problem)


def _of_type(call: Call, wanted: str) -> Iterator[Objection]:
    given = (call.header("content-type") or "").split(";")[0].strip().lower()
    if given != wanted:
        yield Objection(status=400, message=f"Content-Type should be {wanted}, not {given[:60] or 'missing'}")


def _strangers(vm: VirtualMachine, container: ContainerId, instance: InstanceId) -> Iterator[Objection]:
    if container != vm.identity.container_id:
        yield Objection(status=410, message="it names another container")
    if instance != vm.identity.instance_id:
        yield Objection(status=400, message="it names another role instance")


def _too_long(description: str | None) -> Iterator[Objection]:
    size = len((description or "").encode("utf-8", "replace"))
    if size > DESCRIPTION_LIMIT:
        yield Objection(
            status=400, message=f"the description has {size} bytes, more than {DESCRIPTION_LIMIT}"
        )


def _unknown(members: dict[str, Any], known: set[str], prefix: str) -> Iterator[Objection]:
    for name in sorted(set(members) - known):
        yield Objection(status=400, message=f"{prefix}{name[:60]} is not known")


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedDocument(DOCUMENT, f"{where} is not an object")
    return value


def _text(value: Any, where: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise MalformedDocument(DOCUMENT, f"{where} is not text")
    return value
