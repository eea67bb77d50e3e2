"""The host plugin's requests. Source: wire-protocol.md §5."""

from __future__ import annotations

import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.model.errors import MalformedDocument
from limpet.model.version import Version
from limpet.wire import jsondoc
from limpet.wire.certificates import decoded
from limpet.wire.http import Request
from limpet.wire.names import fit_for_a_request

if TYPE_CHECKING:
    from limpet.model.ids import ConfigName, ContainerId, Etag, Url

API_VERSION = "2015-09-01"
FAST_TRACK_SINCE = Version.parse("1.0.8.133")
LOG_SECONDS = 30.0
STATUS_DOCUMENT = "host plugin status"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}\Z")
_HEADER_VALUE = re.compile(r"[ -~]{0,4096}\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class HostPluginIdentity:
    """Who a VM is to the host plugin; refreshed from every goal state."""

    container_id: ContainerId
    config_name: ConfigName

    @property
    def headers(self) -> dict[str, str]:
        """Sent with everything that concerns this VM's role."""
        return {
            "x-ms-version": API_VERSION,
            "x-ms-containerid": self.container_id,
            "x-ms-host-config-name": self.config_name,
        }


def health_request(host_plugin: str) -> Request:
    """Ask whether the plugin is alive; the answer's body does not matter."""
    return Request(method="GET", url=f"http://{host_plugin}/health")


def vm_settings_request(
    host_plugin: str, identity: HostPluginIdentity, etag: Etag | None, correlation_id: str
) -> Request:
    """Ask for vmSettings, for new ones only when `etag` names those known."""
    headers = {**identity.headers, "x-ms-client-correlationid": correlation_id}
    if etag is not None:
        headers["if-none-match"] = etag
    return Request(method="GET", url=f"http://{host_plugin}/vmSettings", headers=headers)


def supports_fast_track(version: str | None) -> bool:
    """Whether a plugin of this version gives vmSettings that may be used. Source: wire-protocol.md §5.3."""
    try:
        return Version.parse(version or "") >= FAST_TRACK_SINCE
    except ValueError:
        return False


def artifact_request(
    host_plugin: str,
    identity: HostPluginIdentity,
    url: Url,
    *,
    manifest_url: Url | None = None,
    verify: bool = False,
) -> Request:
    """Ask the plugin to fetch `url`. manifest_url: for packages. verify: while the goal state is FastTrack."""
    headers = {**identity.headers, "x-ms-artifact-location": url}
    if manifest_url is not None:
        headers["x-ms-artifact-manifest-location"] = manifest_url
    if verify:
        headers["x-ms-verify-from-artifacts-blob"] = "true"
    return Request(method="GET", url=f"http://{host_plugin}/extensionArtifact", headers=headers)


def status_request(host_plugin: str, identity: HostPluginIdentity, inner: Request) -> Request:
    """Ask the plugin to send `inner` to storage, with exactly these headers. Source: wire-protocol.md §5.8, §6.1."""
    headers = {**inner.headers, "Content-Length": str(len(inner.body))}
    document: dict[str, object] = {
        "requestUri": inner.url,
        "headers": [{"headerName": name, "headerValue": value} for name, value in headers.items()],
    }
    if inner.body:
        document["content"] = binascii.b2a_base64(inner.body, newline=False).decode()
    return Request(
        method="PUT",
        url=f"http://{host_plugin}/status",
        headers={**identity.headers, "Content-type": "application/json"},
        body=json.dumps(document, sort_keys=True).encode(),
    )


def parse_status_request(body: bytes) -> Request:
    """Read the body of `status_request` back to the storage request it asks for. Raises: MalformedDocument."""
    document = STATUS_DOCUMENT
    members = jsondoc.an_object(jsondoc.parse(body, document), document)
    headers: dict[str, str] = {}
    for entry in jsondoc.member(members, "headers", list, document):
        pair = jsondoc.an_object(entry, document, "an entry of headers")
        name, value = (jsondoc.member(pair, part, str, document) for part in ("headerName", "headerValue"))
        if not _HEADER_NAME.match(name) or not _HEADER_VALUE.match(value):
            raise MalformedDocument(document, f"header {name[:64]!r} cannot be sent")
        headers[name] = value
    content = jsondoc.member(members, "content", str, document, "")
    url = jsondoc.member(members, "requestUri", str, document)
    if not fit_for_a_request(url):
        raise MalformedDocument(document, "member requestUri is not an http or https URL")
    return Request(method="PUT", url=url, headers=headers, body=decoded(content, document, "member content"))


def log_request(
    host_plugin: str, identity: HostPluginIdentity, bundle: bytes = b"", *, version: str, correlation_id: str
) -> Request:
    """Upload a bundle of logs (a zip). bundle: empty where the body comes from a file. version: the agent's."""
    return Request(
        method="PUT",
        url=f"http://{host_plugin}/vmAgentLog",
        headers={
            "x-ms-version": API_VERSION,
            "x-ms-containerid": identity.container_id,
            "x-ms-vmagentlog-deploymentid": identity.config_name.split(".", 1)[0],
            "x-ms-client-name": "WALinuxAgent",
            "x-ms-client-version": version,
            "x-ms-client-correlationid": correlation_id,
        },
        body=bundle,
        timeout=LOG_SECONDS,
    )
