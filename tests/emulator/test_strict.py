"""What the real fabric refuses: a strict emulator too, a lenient one only says so in its record."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from tests.emulator.worlds import NAME, Client, world

from limpet.emulator.exchange import Service
from limpet.emulator.world.state import Settings
from limpet.emulator.world.vm import Nic
from limpet.model.health import HealthReport, ProvisioningState, ProvisioningSubStatus, RoleProperties
from limpet.model.ids import ContainerId, InstanceId
from limpet.wire.health import health_request, role_properties_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.emulator.exchange import Reply
    from limpet.emulator.world.vm import VirtualMachine

OTHER_NIC = "10.0.1.9"
WIRE = {
    "x-ms-version": "2012-11-30",
    "x-ms-agent-name": "WALinuxAgent",
    "Content-Type": "text/xml;charset=utf-8",
}
IMDS = {"Metadata": "true"}
JSON = {"Content-Type": "application/json"}
INSTANCE = "/metadata/instance?api-version=2021-08-01"


def report(vm: VirtualMachine) -> bytes:
    identity = vm.identity
    return health_request(
        "e",
        HealthReport(
            incarnation=vm.current_incarnation,
            container_id=identity.container_id,
            instance_id=identity.instance_id,
            state=ProvisioningState.NOT_READY,
            sub_status=ProvisioningSubStatus.PROVISIONING,
            description="Starting",
        ),
    ).body


def properties(vm: VirtualMachine) -> bytes:
    role = RoleProperties(
        container_id=vm.identity.container_id,
        instance_id=vm.identity.instance_id,
        properties=(("CertificateThumbprint", "AB"),),
    )
    return role_properties_request("e", role).body


def replaced(
    old: bytes, new: bytes, body: Callable[[VirtualMachine], bytes]
) -> Callable[[VirtualMachine], bytes]:
    def change(vm: VirtualMachine) -> bytes:
        found = body(vm)
        assert old in found
        return found.replace(old, new, 1)

    return change


def changed_by(
    change: Callable[[VirtualMachine, bytes], bytes], body: Callable[[VirtualMachine], bytes]
) -> Callable[[VirtualMachine], bytes]:
    return lambda vm: change(vm, body(vm))


def other_container(vm: VirtualMachine, body: bytes) -> bytes:
    return body.replace(vm.identity.container_id.encode(), ContainerId("other").encode())


def other_instance(vm: VirtualMachine, body: bytes) -> bytes:
    return body.replace(vm.identity.instance_id.encode(), InstanceId("other").encode())


@dataclass(frozen=True, kw_only=True)
class Row:
    """A request that a lenient fabric answers by `lenient` and a strict one by `strict`, with `said` as the reason."""

    name: str
    said: str
    lenient: int = 200
    strict: int = 400
    service: Service = Service.WIRE_SERVER
    method: str = "POST"
    target: str = "/machine?comp=health"
    headers: Mapping[str, str] = field(default_factory=lambda: WIRE)
    body: Callable[[VirtualMachine], bytes] = report
    source: str | None = None


def without(headers: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != name}


GET = {"method": "GET", "body": lambda _: b""}
ROLE = {"target": "/machine?comp=roleProperties", "lenient": 202}
HEALTH_JSON = {"target": "/provisioning/health", "lenient": 201, "headers": JSON}
METADATA = {**GET, "service": Service.IMDS, "target": INSTANCE, "headers": IMDS}


def row(name: str, said: str, *parts: Mapping[str, object], **members: object) -> Row:
    merged: dict[str, object] = {}
    for part in parts:
        merged |= part
    return Row(name=name, said=said, **{**merged, **members})  # type: ignore[arg-type]


OBSERVED = json.dumps({"Observations": [{"ObservationName": "n", "IsHealthy": True}] * 11}).encode()

ROWS = [
    row("goal state without a version", "x-ms-version should be", GET, target="/machine?comp=goalstate",
        headers=without(WIRE, "x-ms-version")),
    row("goal state of another version", "x-ms-version should be", GET, target="/machine?comp=goalstate",
        headers={**WIRE, "x-ms-version": "2015-04-05"}),
    row("health without a version", "x-ms-version should be", headers=without(WIRE, "x-ms-version")),
    row("health without a type", "Content-Type should be text/xml", headers=without(WIRE, "Content-Type")),
    row("health of another type", "Content-Type should be text/xml", headers={**WIRE, "Content-Type": "application/json"}),
    row("health with an element too many", "element Mood does not belong in Role",
        body=replaced(b"<Role>", b"<Role><Mood>good</Mood>", report)),
    row("health with an element twice", "element InstanceId stands 2 times in Role",
        body=replaced(b"<Role>", b"<Role><InstanceId>x</InstanceId>", report)),
    row("health with an element elsewhere", "element RoleInstances does not belong in Container",
        body=lambda vm: report(vm).replace(b"RoleInstanceList>", b"RoleInstances>")),
    row("health with elements in text", "element State has elements in it",
        body=replaced(b"<State>NotReady", b"<State>NotReady<x/>", report)),
    row("health with a long description", "the description has 4097 bytes",
        body=replaced(b">Starting<", b">" + b"x" * 4097 + b"<", report)),
    row("health for another container", "it names another container", strict=410,
        body=changed_by(other_container, report)),
    row("health for another instance", "it names another role instance",
        body=changed_by(other_instance, report)),
    row("role properties without a version", "x-ms-version should be", ROLE, body=properties,
        headers=without(WIRE, "x-ms-version")),
    row("role properties without a type", "Content-Type should be text/xml", ROLE, body=properties,
        headers=without(WIRE, "Content-Type")),
    row("role properties out of schema", "element RoleInstanceList does not belong in Container", ROLE,
        body=lambda vm: properties(vm).replace(b"RoleInstances>", b"RoleInstanceList>")),
    row("role properties for another container", "it names another container", ROLE, strict=410,
        body=changed_by(other_container, properties)),
    row("role properties for another instance", "it names another role instance", ROLE,
        body=changed_by(other_instance, properties)),
    row("JSON health of another type", "Content-Type should be application/json", HEALTH_JSON,
        headers={}, body=lambda _: b'{"state":"Ready"}'),
    row("JSON health with a member too many", "mood is not known", HEALTH_JSON,
        body=lambda _: b'{"state":"Ready","mood":"good"}'),
    row("JSON health with a detail too many", "details.mood is not known", HEALTH_JSON,
        body=lambda _: b'{"state":"NotReady","details":{"subStatus":"Provisioning","mood":"good"}}'),
    row("JSON health with a long description", "the description has 5000 bytes", HEALTH_JSON,
        body=lambda _: b'{"state":"NotReady","details":{"subStatus":"Provisioning","description":"%s"}}' % (b"x" * 5000)),
    row("metadata without its header", "Required metadata header", METADATA, headers={}),
    row("metadata with its header false", "Required metadata header", METADATA, headers={"Metadata": "false"}),
    row("metadata by a proxy", "X-Forwarded-For", METADATA, headers={**IMDS, "X-Forwarded-For": "192.0.2.1"}),
    row("metadata from another NIC", "is not the primary address", METADATA, strict=403, source=OTHER_NIC),
    row("versions of metadata without its header", "Required metadata header", METADATA, target="/metadata/versions", headers={}),
    row("scheduled events without the header", "Required metadata header", METADATA,
        target="/metadata/scheduledevents?api-version=2020-07-01", headers={}),
    row("too many observations", "11 observations are more than 10", target="/HealthService", body=lambda _: OBSERVED),
    row("vmSettings without a version", "x-ms-version should be", GET, service=Service.HOST_PLUGIN, target="/vmSettings",
        headers={}),
]  # fmt: skip


def asked(case: Row, *, strict: bool) -> tuple[Client, Client, Reply]:
    """The client before and after, and the answer."""
    start = world(Settings(strict=strict))
    start = start.with_vm(replace(start.vm(NAME), more_nics=(Nic(mac="000D3A0000FF", address=OTHER_NIC),)))
    client = Client(start)
    if case.source:
        client.source = case.source
    headers = dict(case.headers)
    if case.service is Service.HOST_PLUGIN:
        identity = client.vm.identity
        headers |= {"x-ms-containerid": identity.container_id, "x-ms-host-config-name": identity.config_name}
    before = Client(start)
    reply = client.call(case.service, case.method, case.target, case.body(client.vm), headers)
    return before, client, reply


every_row = pytest.mark.parametrize("case", ROWS, ids=lambda case: case.name)


@every_row
def test_a_lenient_fabric_answers_and_remarks_on_what_a_strict_one_refuses(case: Row) -> None:
    _, _, reply = asked(case, strict=False)
    assert reply.status == case.lenient
    assert any(case.said in remark for remark in reply.remarks), reply.remarks
    assert not reply.objections


@every_row
def test_a_strict_fabric_refuses_with_the_reason_and_nothing_is_done(case: Row) -> None:
    before, after, reply = asked(case, strict=True)
    assert reply.status == case.strict, reply
    assert case.said in reply.body.decode()
    assert any(case.said in remark for remark in reply.remarks)
    assert after.world == before.world


@pytest.mark.parametrize("strict", [False, True])
def test_what_is_right_is_taken_without_a_remark(strict: bool) -> None:
    client = Client(world(Settings(strict=strict)))
    vm = client.vm
    calls = [
        (Service.WIRE_SERVER, "GET", "/machine?comp=goalstate", b"", WIRE),
        (Service.WIRE_SERVER, "POST", "/machine?comp=health", report(vm), WIRE),
        (Service.WIRE_SERVER, "POST", "/machine?comp=roleProperties", properties(vm), WIRE),
        (Service.WIRE_SERVER, "POST", "/provisioning/health", b'{"state":"Ready"}', JSON),
        (Service.IMDS, "GET", INSTANCE, b"", IMDS),
    ]
    found = [client.call(*call) for call in calls]
    assert [(reply.status, reply.remarks) for reply in found] == [
        (200, ()), (200, ()), (202, ()), (201, ()), (200, ()),
    ]  # fmt: skip


def test_the_versions_of_the_protocol_need_no_version() -> None:
    client = Client(world(Settings(strict=True)))
    assert client.call(Service.WIRE_SERVER, "GET", "/?comp=versions").status == 200
