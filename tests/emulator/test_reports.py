from __future__ import annotations

import json

import pytest
from tests.emulator.worlds import Client, path_of, world

from limpet.emulator.world.vm import ProvisioningReport
from limpet.model.health import (
    HealthReport,
    Observation,
    ProvisioningState,
    ProvisioningSubStatus,
    RoleProperties,
)
from limpet.model.telemetry import AGENT_PROVIDER, Event
from limpet.wire.health import health_request, role_properties_request
from limpet.wire.healthservice import observations_request
from limpet.wire.telemetry import telemetry_requests

EVENT = Event(provider=AGENT_PROVIDER, id=1, parameters=(("Name", "WALinuxAgent"), ("Duration", 5)))


def report(client: Client, **members: object) -> HealthReport:
    identity = client.vm.identity
    given = {
        "incarnation": client.vm.current_incarnation,
        "container_id": identity.container_id,
        "instance_id": identity.instance_id,
        "state": ProvisioningState.READY,
        **members,
    }
    return HealthReport(**given)  # type: ignore[arg-type]


def post_telemetry(client: Client) -> int:
    (request,), _dropped = telemetry_requests("e", [EVENT])
    return client.wire("POST", path_of(request.url), request.body).status


def test_a_provisioning_report_is_taken_in_and_told() -> None:
    client = Client(world())
    sent = report(
        client,
        state=ProvisioningState.NOT_READY,
        sub_status=ProvisioningSubStatus.PROVISIONING,
        description="x",
    )
    request = health_request("e", sent)
    reply = client.wire(
        "POST", path_of(request.url), request.body, Content_Type="text/xml", User_Agent="agent/1"
    )
    latest = client.vm.inbox.health.latest
    event = client.world.events.ring.latest
    assert (reply.status, reply.remarks) == (200, ())
    assert latest is not None
    assert latest.at == client.now
    assert latest.value == ProvisioningReport(
        form="xml",
        state=sent.state,
        sub_status=sent.sub_status,
        description="x",
        agent="agent/1",
        incarnation=sent.incarnation,
        container_id=sent.container_id,
        instance_id=sent.instance_id,
    )
    assert event is not None
    assert (event.kind, event.data["state"], event.data["subStatus"]) == (
        "health",
        "NotReady",
        "Provisioning",
    )


def test_a_report_for_another_container_is_taken_and_remarked_upon() -> None:
    client = Client(world())
    request = health_request("e", report(client, container_id="other", incarnation="99"))
    reply = client.wire("POST", path_of(request.url), request.body, Content_Type="text/xml")
    assert reply.status == 200
    assert len(reply.remarks) == 2


def test_a_report_in_json_is_taken_in_beside_those_in_xml() -> None:
    client = Client(world())
    body = b'{"state":"NotReady","details":{"subStatus":"ProvisioningFailed","description":"no user"}}'
    headers = {"Content_Type": "application/json", "x_ms_guest_agent_name": "azure-init v0.1"}
    reply = client.wire("POST", "/provisioning/health", body, **headers)
    latest = client.vm.inbox.health.latest
    assert (reply.status, reply.remarks) == (201, ())
    assert latest is not None
    assert latest.value == ProvisioningReport(
        form="json",
        state=ProvisioningState.NOT_READY,
        sub_status=ProvisioningSubStatus.FAILED,
        description="no user",
        agent="azure-init v0.1",
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"state":"Perhaps"}', b"{}", b"[]", b'{"state":5}', b'{"state":"Ready","details":7}',
        b'{"state":"NotReady","details":{"subStatus":"Tired"}}',
        b'{"state":"NotReady","details":{"subStatus":"Provisioning","description":5}}',
    ],
)  # fmt: skip
def test_a_report_in_json_with_unknown_words_is_refused(body: bytes) -> None:
    client = Client(world())
    assert client.wire("POST", "/provisioning/health", body).status == 400
    assert client.vm.inbox.health.seen == 0


def test_role_properties_are_accepted_with_202() -> None:
    client = Client(world())
    role = RoleProperties(
        container_id=client.vm.identity.container_id,
        instance_id=client.vm.identity.instance_id,
        properties=(("CertificateThumbprint", "AB"),),
    )
    request = role_properties_request("e", role)
    assert client.wire("POST", path_of(request.url), request.body).status == 202
    latest = client.vm.inbox.role_properties.latest
    assert latest is not None
    assert latest.value == role


def test_telemetry_is_decoded() -> None:
    client = Client(world())
    assert post_telemetry(client) == 200
    latest = client.vm.inbox.telemetry.latest
    assert latest is not None
    assert latest.value == EVENT


def test_telemetry_is_throttled_and_taken_again_later() -> None:
    client = Client(world())
    assert [post_telemetry(client) for _ in range(16)] == [200] * 15 + [429]
    assert client.vm.inbox.telemetry.seen == 15
    later = client.later(15)
    assert post_telemetry(later) == 200


def test_an_event_that_no_fabric_takes_is_remarked_upon_and_not_kept() -> None:
    client = Client(world())
    parameter = f'<Param Name="Message" Value="{"x" * 70_000}" T="mt:wstr" />'
    body = (
        f'<TelemetryData version="1.0"><Provider id="{AGENT_PROVIDER}"><Event id="1"><![CDATA[{parameter}]]></Event>'
        '<Event id="2"><![CDATA[<Param Name="a" Value="b" T="mt:wstr" />]]></Event></Provider></TelemetryData>'
    )
    reply = client.wire("POST", "/machine?comp=telemetrydata", body.encode())
    assert reply.status == 200
    assert reply.remarks == (
        "the batch is larger than 65536 bytes",
        "1 events are larger than that each and are not kept",
    )
    assert [one.value.id for one in client.vm.inbox.telemetry] == [2]


def test_observations_beyond_the_services_limits_are_remarked_upon_and_cut() -> None:
    client = Client(world())
    one = {"ObservationName": "n" * 65, "IsHealthy": True, "Description": "d" * 129, "Value": "v" * 129}
    body = json.dumps({"Observations": [one] * 11}).encode()
    reply = client.wire("POST", "/HealthService", body)
    assert reply.status == 200
    assert reply.remarks[0] == "11 observations are more than 10"
    assert len(reply.remarks) == 11
    cut = Observation(name="n" * 64, healthy=True, description="d" * 128, value="v" * 128)
    assert [each.value for each in client.vm.inbox.observations] == [cut] * 10


def test_observations_are_decoded() -> None:
    client = Client(world())
    seen = Observation(name="GuestAgentPluginHeartbeat", healthy=True)
    request = observations_request("e", [seen])
    assert client.wire("POST", path_of(request.url), request.body).status == 200
    latest = client.vm.inbox.observations.latest
    assert latest is not None
    assert latest.value == seen


@pytest.mark.parametrize(
    "target",
    [
        "/machine?comp=health",
        "/machine?comp=roleProperties",
        "/machine?comp=telemetrydata",
        "/HealthService",
        "/provisioning/health",
    ],
)
@pytest.mark.parametrize("body", [b"", b"{", b"<a>", b"\xff\xfe", b"null"])
def test_what_cannot_be_read_is_refused_with_the_reason(target: str, body: bytes) -> None:
    client = Client(world())
    before = client.vm.inbox
    reply = client.wire("POST", target, body)
    assert reply.status == 400
    assert reply.body
    assert client.vm.inbox == before
