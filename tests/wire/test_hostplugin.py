"""The host plugin's requests, header by header: wire-protocol.md §5.1."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.strategies import urls

from limpet.model.errors import MalformedDocument
from limpet.model.ids import ConfigName, ContainerId, Etag, Url
from limpet.wire import hostplugin
from limpet.wire.hostplugin import HostPluginIdentity, parse_status_request, status_request
from limpet.wire.http import Request
from limpet.wire.storage import Padding, page_blob_requests

if TYPE_CHECKING:
    from collections.abc import Mapping

PLUGIN = "168.63.129.16:32526"
VM = HostPluginIdentity(container_id=ContainerId("c-1"), config_name=ConfigName("d-1.0.d-1.0._vm.1.xml"))
IDENTITY = {
    "x-ms-version": "2015-09-01",
    "x-ms-containerid": "c-1",
    "x-ms-host-config-name": "d-1.0.d-1.0._vm.1.xml",
}
BLOB = Request(method="PUT", url="https://s/b?sig=x", headers={"x-ms-blob-type": "BlockBlob"}, body=b"{}")

REQUESTS: dict[str, tuple[Request, str, str, Mapping[str, str]]] = {
    "health": (hostplugin.health_request(PLUGIN), "GET", "/health", {}),
    "vmSettings": (
        hostplugin.vm_settings_request(PLUGIN, VM, None, "guid"),
        "GET",
        "/vmSettings",
        {**IDENTITY, "x-ms-client-correlationid": "guid"},
    ),
    "vmSettings that are known": (
        hostplugin.vm_settings_request(PLUGIN, VM, Etag("11"), "guid"),
        "GET",
        "/vmSettings",
        {**IDENTITY, "x-ms-client-correlationid": "guid", "if-none-match": "11"},
    ),
    "status": (
        status_request(PLUGIN, VM, BLOB),
        "PUT",
        "/status",
        {**IDENTITY, "Content-type": "application/json"},
    ),
    "a manifest": (
        hostplugin.artifact_request(PLUGIN, VM, Url("https://s/m")),
        "GET",
        "/extensionArtifact",
        {**IDENTITY, "x-ms-artifact-location": "https://s/m"},
    ),
    "a package of FastTrack": (
        hostplugin.artifact_request(
            PLUGIN, VM, Url("https://s/z"), manifest_url=Url("https://s/m"), verify=True
        ),
        "GET",
        "/extensionArtifact",
        {
            **IDENTITY,
            "x-ms-artifact-location": "https://s/z",
            "x-ms-artifact-manifest-location": "https://s/m",
            "x-ms-verify-from-artifacts-blob": "true",
        },
    ),
    "logs": (
        hostplugin.log_request(PLUGIN, VM, b"zip", version="1.2", correlation_id="guid"),
        "PUT",
        "/vmAgentLog",
        {
            "x-ms-version": "2015-09-01",
            "x-ms-containerid": "c-1",
            "x-ms-vmagentlog-deploymentid": "d-1",
            "x-ms-client-name": "WALinuxAgent",
            "x-ms-client-version": "1.2",
            "x-ms-client-correlationid": "guid",
        },
    ),
}


@pytest.mark.parametrize(("request_", "method", "path", "headers"), REQUESTS.values(), ids=REQUESTS)
def test_each_request_has_its_own_headers_and_no_others(
    request_: Request, method: str, path: str, headers: Mapping[str, str]
) -> None:
    assert (request_.method, request_.url) == (method, f"http://168.63.129.16:32526{path}")
    assert request_.headers == headers


def test_logs_are_sent_as_they_are_with_more_patience() -> None:
    request = hostplugin.log_request(PLUGIN, VM, b"zip", version="1.2", correlation_id="guid")
    assert (request.body, request.timeout) == (b"zip", 30.0)


@pytest.mark.parametrize(
    ("version", "supported"),
    [
        ("1.0.8.133", True),
        ("1.0.8.175", True),
        ("1.0.9", True),
        ("2.0", True),
        ("1.0.8.132", False),
        ("1.0.8", False),
        ("", False),
        (None, False),
        ("newest", False),
    ],
)
def test_fast_track_needs_a_plugin_that_is_new_enough(version: str | None, supported: bool) -> None:
    assert hostplugin.supports_fast_track(version) is supported


header_names = st.from_regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}", fullmatch=True).filter(
    lambda name: name.lower() != "content-length"
)
requests = st.builds(
    Request,
    method=st.just("PUT"),
    url=urls,
    headers=st.dictionaries(header_names, st.text("".join(map(chr, range(0x20, 0x7F)))), max_size=3),
    body=st.binary(max_size=50),
)


@given(requests)
def test_a_storage_request_survives_the_way_through_the_plugin(inner: Request) -> None:
    outer = status_request(PLUGIN, VM, inner)
    parsed = parse_status_request(outer.body)
    assert (parsed.method, parsed.url, parsed.body) == (inner.method, inner.url, inner.body)
    assert parsed.headers == {**inner.headers, "Content-Length": str(len(inner.body))}


def test_creating_a_page_blob_has_no_content_at_all() -> None:
    create, write = page_blob_requests(Url("https://s/b?sig=x"), b"{}", "D", Padding.SPACES)
    created = json.loads(status_request(PLUGIN, VM, create).body)
    assert "content" not in created
    assert {"headerName": "Content-Length", "headerValue": "0"} in created["headers"]
    written = json.loads(status_request(PLUGIN, VM, write).body)
    assert written["requestUri"] == "https://s/b?sig=x&comp=page"
    assert base64.b64decode(written["content"]).rstrip() == b"{}"


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"headers": []}, "member requestUri is missing"),
        ({"requestUri": 5, "headers": []}, "member requestUri is a number instead of text"),
        ({"requestUri": "b", "headers": []}, "member requestUri is not an http or https URL"),
        ({"requestUri": "http://s/\n", "headers": []}, "member requestUri is not an http or https URL"),
        ({"requestUri": "http://s"}, "member headers is missing"),
        ({"requestUri": "http://s", "headers": {}}, "member headers is an object instead of an array"),
        ({"requestUri": "http://s", "headers": [5]}, "an entry of headers is a number instead of an object"),
        ({"requestUri": "http://s", "headers": [{"headerName": "a"}]}, "member headerValue is missing"),
        ({"requestUri": "http://s", "headers": [{"headerName": "a\r\nb", "headerValue": ""}]}, "header 'a\\r\\nb' cannot be sent"),
        ({"requestUri": "http://s", "headers": [{"headerName": "", "headerValue": ""}]}, "header '' cannot be sent"),
        ({"requestUri": "http://s", "headers": [{"headerName": "é", "headerValue": ""}]}, "header 'é' cannot be sent"),
        ({"requestUri": "http://s", "headers": [{"headerName": "a", "headerValue": "b\r\nc: d"}]}, "header 'a' cannot be sent"),
        ({"requestUri": "http://s", "headers": [{"headerName": "a", "headerValue": "✓"}]}, "header 'a' cannot be sent"),
        ({"requestUri": "http://s", "headers": [{"headerName": "a", "headerValue": "b" * 4097}]}, "header 'a' cannot be sent"),
        ({"requestUri": "http://s", "headers": [], "content": "M"}, "member content is not base64"),
        ({"requestUri": "http://s", "headers": [], "content": {}}, "member content is an object instead of text"),
    ],
)  # fmt: skip
def test_a_status_request_of_another_shape_is_refused(members: dict[str, Any], problem: str) -> None:
    with pytest.raises(MalformedDocument) as refusal:
        parse_status_request(json.dumps(members).encode())
    assert str(refusal.value) == f"host plugin status: {problem}"
