from __future__ import annotations

import hashlib
import json

import pytest
from tests.emulator.worlds import Client, certificate, change, header, published, world

from limpet.emulator.world.changes import NewSettings
from limpet.emulator.world.goalstates import StatusBlob, hibernate
from limpet.emulator.world.state import Settings
from limpet.model.extensions import BlobType, Source
from limpet.model.ids import Etag, Url
from limpet.model.status import AgentStatus, GuestInfo, Message
from limpet.wire.hostplugin import HostPluginIdentity, status_request, supports_fast_track
from limpet.wire.statusblob import render_status
from limpet.wire.storage import Padding, block_blob_request, page_blob_requests
from limpet.wire.vmsettings import parse_vm_settings

DATE = "2027-01-15T08:00:00Z"
STATUS = render_status(
    AgentStatus(
        timestamp=DATE,
        guest=GuestInfo(computer_name="vm1", os_name="debian", os_version="12", agent_version="9.9.9.9"),
        message=Message(message="Guest Agent is running"),
    )
)


def status_url(client: Client) -> Url:
    upload = client.vm.newest.goal_state.status_upload
    assert upload is not None
    return upload.url.reveal()


def put_status(client: Client, content: bytes, kind: BlobType = BlobType.BLOCK) -> int:
    url = status_url(client)
    identity = HostPluginIdentity(
        container_id=client.vm.identity.container_id, config_name=client.vm.identity.config_name
    )
    inner = (
        (block_blob_request(url, content, DATE),)
        if kind is BlobType.BLOCK
        else page_blob_requests(url, content, DATE, Padding.SPACES)
    )
    answers = []
    for request in inner:
        outer = status_request("h", identity, request)
        answers.append(client.plugin("PUT", "/status", outer.body, outer.headers).status)
    return max(answers)


def test_versions_and_health_are_answered() -> None:
    client = Client(world())
    assert json.loads(client.plugin("GET", "/versions").body) == ["2015-09-01"]
    assert client.plugin("GET", "/health").status == 200


def test_a_fabric_goal_state_is_answered_as_such_so_that_agents_take_the_wire_servers() -> None:
    client = Client(published(world(), change()))
    reply = client.plugin("GET", "/vmSettings")
    etag = header(reply, "etag")
    assert etag is not None
    assert etag.isdecimal()
    settings = parse_vm_settings(reply.body, Etag(etag))
    assert settings.source is Source.FABRIC
    assert supports_fast_track(settings.host_plugin_version)


def test_a_fast_track_goal_state_changes_the_etag_and_not_the_incarnation() -> None:
    client = Client(published(world(), change()))
    before = client.plugin("GET", "/vmSettings")
    settings = NewSettings(public={"k": "new"})
    client.world = published(client.world, change(settings=settings), source=Source.FAST_TRACK)
    after = client.plugin("GET", "/vmSettings")
    found = parse_vm_settings(after.body, Etag("1"))
    assert client.vm.current_incarnation == "2"
    assert header(before, "etag") != header(after, "etag")
    assert found.source is Source.FAST_TRACK
    assert found.handlers[0].settings[0].public == {"k": "new"}
    assert found.created > parse_vm_settings(before.body, Etag("1")).created


def test_goal_states_made_at_the_same_moment_still_differ_in_time() -> None:
    client = Client(published(world(), change(), at=0.0))
    first = client.vm.newest.ticks
    client.world = published(client.world, change(), at=0.0)
    assert client.vm.newest.ticks > first


def test_the_same_etag_is_not_modified_and_another_one_is_answered() -> None:
    client = Client(world())
    etag = header(client.plugin("GET", "/vmSettings"), "etag") or ""
    assert client.plugin("GET", "/vmSettings", headers={"if-none-match": etag}).status == 304
    client.world = published(client.world, change())
    assert client.plugin("GET", "/vmSettings", headers={"if-none-match": etag}).status == 200


def test_a_plugin_without_fast_track_has_no_vm_settings() -> None:
    assert Client(world(Settings(fast_track=False))).plugin("GET", "/vmSettings").status == 404


def test_a_former_container_is_gone_and_a_wrong_configuration_is_invalid() -> None:
    client = Client(world())
    old = {"x-ms-containerid": client.vm.identity.container_id}
    config = {"x-ms-host-config-name": client.vm.identity.config_name}
    client.world = client.world.with_vm(hibernate(client.vm, certificate("B")))
    gone = client.plugin("GET", "/vmSettings", headers=old)
    invalid = client.plugin("GET", "/vmSettings", headers=config)
    assert gone.status == 410
    assert invalid.status == 400
    assert json.loads(invalid.body)["errorCode"] == "InvalidContainerConfiguration"


@pytest.mark.parametrize("kind", list(BlobType))
def test_a_status_is_read_whichever_kind_of_blob_it_goes_to(kind: BlobType) -> None:
    client = Client(world())
    assert put_status(client, STATUS, kind) == 200
    (report,) = client.vm.inbox.statuses
    assert (report.channel, report.kind, report.raw, report.problem) == ("host-plugin", kind, STATUS, None)
    assert report.status is not None
    assert report.status.guest.agent_version == "9.9.9.9"


def test_a_status_sent_directly_is_read_as_well() -> None:
    client = Client(world())
    for request in page_blob_requests(status_url(client), STATUS, DATE, Padding.ZEROS):
        assert client.blob("PUT", request.url, request.body, request.headers).status == 201
    (report,) = client.vm.inbox.statuses
    assert (report.channel, report.raw) == ("direct", STATUS)


def test_a_status_that_cannot_be_read_is_accepted_and_kept_with_the_reason() -> None:
    client = Client(world())
    assert put_status(client, b"{not json") == 200
    (report,) = client.vm.inbox.statuses
    assert report.status is None
    assert report.problem
    assert client.vm.status is None


def test_a_long_status_in_several_page_writes_is_one_report() -> None:
    client = Client(world())
    message = Message(message="x" * (5 * 1024 * 1024))
    guest = GuestInfo(computer_name="vm1", os_name="debian", os_version="12", agent_version="9.9.9.9")
    long = render_status(AgentStatus(timestamp=DATE, guest=guest, message=message))
    for request in page_blob_requests(status_url(client), long, DATE, Padding.ZEROS):
        client.blob("PUT", request.url, request.body, request.headers)
    (report,) = client.vm.inbox.statuses
    assert report.status is not None


def test_of_reports_that_are_too_much_the_newest_are_kept() -> None:
    client = Client(world())
    message = Message(message="x" * (7 * 1024 * 1024))
    guest = GuestInfo(computer_name="vm1", os_name="debian", os_version="12", agent_version="9.9.9.9")
    large = render_status(AgentStatus(timestamp=DATE, guest=guest, message=message))
    for content in (large, large, large, STATUS):
        assert put_status(client, content) == 200
    reports = client.vm.inbox.statuses.items
    assert [report.status is None for report in reports] == [True, False, False, False]
    assert [report.size for report in reports] == [len(large)] * 3 + [len(STATUS)]
    assert "no longer kept" in (reports[0].problem or "")
    assert put_status(client, large) == 200
    assert [report.status is None for report in client.vm.inbox.statuses] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b'{"requestUri":"http://[","headers":[]}', 502),
        (b'{"requestUri":"http://s/b","headers":[{"headerName":"a","headerValue":"b\\r\\nc: d"}]}', 400),
        (b"[]", 400),
        (b'{"requestUri":"http://elsewhere.example/b?sig=x","headers":[]}', 502),
        (b'{"requestUri":"http://168.63.129.16:80/storage/$system/x","headers":[]}', 404),
    ],
)
def test_a_status_request_that_cannot_be_passed_on_is_refused(body: bytes, status: int) -> None:
    assert Client(world()).plugin("PUT", "/status", body).status == status


def test_an_artifact_is_fetched_from_this_fabrics_storage_only() -> None:
    client = Client(world())
    location = {"x-ms-artifact-location": "http://elsewhere.example/package.zip"}
    assert client.plugin("GET", "/extensionArtifact", headers=location).status == 502
    assert client.plugin("GET", "/extensionArtifact").status == 400
    put_status(client, STATUS)
    location = {"x-ms-artifact-location": status_url(client)}
    assert client.plugin("GET", "/extensionArtifact", headers=location).body == STATUS


def test_a_log_bundle_is_measured() -> None:
    client = Client(world())
    headers = {"x-ms-client-name": "WALinuxAgent", "x-ms-client-version": "2.15"}
    reply = client.plugin("PUT", "/vmAgentLog", b"zip", headers)
    latest = client.vm.inbox.logs.latest
    assert reply.status == 200
    assert reply.remarks == ("x-ms-vmagentlog-deploymentid is missing",)
    assert latest is not None
    assert (latest.value.size, latest.value.sha256) == (3, hashlib.sha256(b"zip").hexdigest())


def test_a_page_blob_can_be_asked_for() -> None:
    client = Client(published(world(), status_blob=StatusBlob.PAGE))
    upload = client.vm.newest.goal_state.status_upload
    assert upload is not None
    assert upload.blob_type is BlobType.PAGE
