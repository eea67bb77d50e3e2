"""Getting blobs by two channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.agent.parts import LIBRARY, PLUGIN, WIRE, machine_goal_state

from limpet.agent.artifacts import Artifacts
from limpet.agent.fabric import Fabric
from limpet.host.fake import FakeMachine
from limpet.model.errors import FabricUnreachable, HostError
from limpet.model.ids import Url
from limpet.wire.goalstate import render_goal_state
from limpet.wire.http import Response

if TYPE_CHECKING:
    from limpet.wire.http import Request

URI = Url("http://storage.example/blob?sig=x")
SCRATCH = LIBRARY / ".fetched"


class Channels:
    """Storage and host plugin, each of which works or answers a status."""

    def __init__(self) -> None:
        self.direct: bytes | int = b"content"
        self.host: list[bytes | int] = [b"content"]
        self.asked: list[str] = []
        self.last: Request | None = None

    def __call__(self, request: Request) -> Response:
        if "comp=goalstate" in request.url:
            self.asked.append("goal state")
            return Response(status=200, body=render_goal_state(machine_goal_state()))
        through = request.url.startswith(f"http://{PLUGIN}/extensionArtifact")
        self.asked.append("host" if through else "direct")
        self.last = request
        answer = self.direct
        if through:
            answer = self.host.pop(0) if len(self.host) > 1 else self.host[0]
        return Response(status=answer) if isinstance(answer, int) else Response(status=200, body=answer)


def getting() -> tuple[FakeMachine, Channels, Artifacts]:
    channels = Channels()
    fake = FakeMachine(fabric=channels, storage=channels)
    fabric = Fabric(fake.http, fake.clock, fake.chance, wire_server=WIRE, host_plugin=PLUGIN)
    return fake, channels, Artifacts(fabric, fake.fetcher, fake.files, fake.chance, fake.log, scratch=SCRATCH)


def test_storage_is_asked_first_and_alone_when_it_answers() -> None:
    fake, channels, artifacts = getting()
    assert artifacts.document(URI, "x") == b"content"
    assert channels.asked == ["direct"]
    assert fake.files.names(SCRATCH) == []


def test_the_channel_that_worked_leads_from_then_on() -> None:
    _, channels, artifacts = getting()
    channels.direct = 403
    for _ in range(2):
        artifacts.document(URI, "x")
    assert channels.asked == ["direct", "goal state", "host", "host"]
    channels.direct, channels.host = b"content", [500]
    for _ in range(2):
        artifacts.document(URI, "x")
    assert channels.asked[4:] == ["host", "direct", "direct"]


def test_the_host_plugin_is_told_what_and_for_whom() -> None:
    _, channels, artifacts = getting()
    channels.direct = 404
    artifacts.download(URI, LIBRARY / "p.zip", limit=100, manifest_uri=Url("http://m/x"))
    assert channels.last is not None
    assert channels.last.headers == {
        "x-ms-version": "2015-09-01",
        "x-ms-containerid": "c",
        "x-ms-host-config-name": "d.0.xml",
        "x-ms-artifact-location": URI,
        "x-ms-artifact-manifest-location": "http://m/x",
    }
    artifacts.verify = True
    artifacts.download(URI, LIBRARY / "p.zip", limit=100)
    assert channels.last.headers["x-ms-verify-from-artifacts-blob"] == "true"


def test_a_stale_identity_is_renewed_once() -> None:
    _, channels, artifacts = getting()
    channels.direct, channels.host = 404, [410, b"content"]
    assert artifacts.document(URI, "x") == b"content"
    assert channels.asked == ["direct", "goal state", "host", "goal state", "host"]
    channels.host = [410]
    with pytest.raises(FabricUnreachable):
        artifacts.document(URI, "x")


def test_both_failures_are_told() -> None:
    _, channels, artifacts = getting()
    channels.direct, channels.host = 403, [500]
    with pytest.raises(FabricUnreachable, match=r"answered 403.*; by the other channel: .*answered 500"):
        artifacts.document(URI, "x")


def test_a_full_disk_is_no_reason_to_try_the_other_channel() -> None:
    fake, channels, artifacts = getting()
    fake.files.make_folder(SCRATCH)
    fake.files.full = True
    with pytest.raises(HostError, match="No space left"):
        artifacts.document(URI, "x")
    assert channels.asked == ["direct"]


def test_every_location_has_its_turn() -> None:
    _, _, artifacts = getting()
    uris = [Url(f"http://storage.example/{number}") for number in range(4)]
    orders = {tuple(artifacts.shuffled(uris)) for _ in range(200)}
    assert len(orders) > 12
    assert all(sorted(order) == sorted(uris) for order in orders)
