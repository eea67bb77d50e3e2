"""Properties of all routes at once: whatever is asked, there is an answer, and nothing breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from tests.emulator.worlds import ADDRESS, NAME, NOW, OpenSealer, change, published, world

from limpet.emulator.exchange import Call, Service
from limpet.emulator.routes import table
from limpet.emulator.routes.context import Context
from limpet.emulator.routes.dispatch import answer

if TYPE_CHECKING:
    from limpet.emulator.world.state import World

WORLD = published(world(), change(), on_hold=False)
IDENTITY = WORLD.vm(NAME).identity
UPLOAD = WORLD.vm(NAME).newest.goal_state.status_upload
STATUS_URL = UPLOAD.url.reveal() if UPLOAD else ""

_PATHS = st.sampled_from(
    [
        "/",
        "/machine",
        "/machine/",
        f"/machine/{IDENTITY.container_id}/x",
        "/machine/other/x",
        "/HealthService",
        "/versions",
        "/health",
        "/vmSettings",
        "/status",
        "/extensionArtifact",
        "/vmAgentLog",
        "/metadata/instance",
        "/metadata/instance/network/interface/0",
        "/" + STATUS_URL.split("/", 3)[3].split("?")[0],
        "/storage/",
        "/storage/../x",
        "/%00%ff",
    ]
)
_QUERIES = st.sampled_from(
    [
        "",
        "comp=versions",
        "comp=goalstate",
        "comp=config&type=extensionsConfig&incarnation=2",
        "comp=config&type=sharedConfig&incarnation=99",
        "comp=config&type=hostingEnvironmentConfig",
        "comp=certificates",
        "comp=remoteaccess",
        "comp=health",
        "comp=telemetrydata",
        "comp=roleProperties",
        "comp=page",
        "api-version=2021-08-01&extended=true&format=text",
        STATUS_URL.partition("?")[2],
        STATUS_URL.partition("?")[2] + "&comp=page",
        STATUS_URL.partition("?")[2] + "&comp=block",
    ]
)
_VALUES = st.one_of(
    st.sampled_from(
        [
            IDENTITY.container_id,
            IDENTITY.config_name,
            WORLD.vm(NAME).etag,
            STATUS_URL,
            "true",
            "BlockBlob",
            "PageBlob",
            "512",
            "bytes=0-511",
            "update",
            "AES128_CBC",
            "dHJhbnNwb3J0",
        ]
    ),
    st.text(max_size=20),
)
_NAMES = st.sampled_from(
    [
        "x-ms-version",
        "x-ms-containerid",
        "x-ms-host-config-name",
        "if-none-match",
        "x-ms-artifact-location",
        "x-ms-guest-agent-public-x509-cert",
        "x-ms-cipher-name",
        "x-ms-blob-type",
        "x-ms-blob-content-length",
        "x-ms-range",
        "x-ms-page-write",
        "range",
        "Metadata",
    ]
)
CALLS = st.builds(
    Call,
    service=st.sampled_from(Service),
    source=st.sampled_from([ADDRESS, ADDRESS, ADDRESS, "10.9.9.9", ""]),
    method=st.sampled_from(["GET", "PUT", "POST", "HEAD", "DELETE", ""]),
    target=st.one_of(st.builds("{}?{}".format, _PATHS, _QUERIES), st.text(max_size=30)),
    headers=st.lists(st.tuples(_NAMES, _VALUES), max_size=6).map(tuple),
    body=st.one_of(
        st.sampled_from([b"", b"{}", b"[]", b"<a/>", bytes(512), b'{"requestUri":"http://x","headers":[]}']),
        st.binary(max_size=60),
    ),
)


def ask(start: World, call: Call) -> tuple[World, int]:
    endpoint = table.find(call, start.settings.storage_prefix)
    after, reply = answer(start, endpoint, call, Context(now=NOW + 5, sealer=OpenSealer()))
    return after, reply.status


@given(CALLS)
def test_whatever_is_asked_is_answered_with_a_status_that_real_services_use(call: Call) -> None:
    _, status = ask(WORLD, call)
    assert status in {200, 201, 202, 206, 304, 400, 403, 404, 409, 410, 413, 416, 429, 502}


@given(st.lists(CALLS, max_size=8))
def test_no_request_changes_what_is_wanted_of_a_vm(calls: list[Call]) -> None:
    after = WORLD
    for call in calls:
        after, _ = ask(after, call)
    before, now = WORLD.vm(NAME), after.vm(NAME)
    assert (now.plan, now.newest, now.fabric, now.identity, now.certificates) == (
        before.plan,
        before.newest,
        before.fabric,
        before.identity,
        before.certificates,
    )
    assert after.settings == WORLD.settings


@given(CALLS)
def test_reading_changes_no_blob(call: Call) -> None:
    after, _ = ask(WORLD, call)
    if call.method in {"GET", "HEAD", "POST", "DELETE", ""}:
        assert after.blobs == WORLD.blobs


def test_endpoint_names_are_unique() -> None:
    assert len({endpoint.name for endpoint in table.ENDPOINTS}) == len(table.ENDPOINTS)
