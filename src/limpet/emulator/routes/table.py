"""The table of endpoints: which request is which, and who answers it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.emulator.dhcp import answers
from limpet.emulator.exchange import Call, Service
from limpet.emulator.routes import hostplugin, imds, provisioning, reports, storage, wireserver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.emulator.routes.context import Route

UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One thing that can be asked of a service.

    name: by it faults and the ledger know the endpoint. path: matched as a whole. query: members that the query
    must have; values in lower case, compared in any case.
    """

    name: str
    service: Service
    methods: frozenset[str]
    path: re.Pattern[str]
    route: Route
    query: Mapping[str, str] = field(default_factory=dict, hash=False)

    def matches(self, call: Call, path: str) -> bool:
        """Whether `call` asks for this; `path` is its path."""
        if call.method not in self.methods or not self.path.fullmatch(path):
            return False
        given = call.query
        return all(given.get(name, "").lower() == value for name, value in self.query.items())


def _endpoint(
    name: str, service: Service, method: str, path: str, route: Route, query: Mapping[str, str] | None = None
) -> Endpoint:
    return Endpoint(
        name=name,
        service=service,
        methods=frozenset(method.split()),
        path=re.compile(path, re.IGNORECASE),
        route=route,
        query=query or {},
    )


_DOCUMENT = r"/machine/[^/]+/[^/]+"
_MACHINE = r"/machine/?"
_WIRE, _PLUGIN = Service.WIRE_SERVER, Service.HOST_PLUGIN


def _config(name: str, kind: str) -> Endpoint:
    query = {"comp": "config", "type": kind}
    return _endpoint(name, _WIRE, "GET", _DOCUMENT, wireserver.configuration, query)


ENDPOINTS: tuple[Endpoint, ...] = (
    _endpoint("versions", _WIRE, "GET", "/", wireserver.versions, {"comp": "versions"}),
    _endpoint("goal-state", _WIRE, "GET", _MACHINE, wireserver.goal_state, {"comp": "goalstate"}),
    _config("hosting-environment-config", "hostingenvironmentconfig"),
    _config("shared-config", "sharedconfig"),
    _config("extensions-config", "extensionsconfig"),
    _config("full-config", "fullconfig"),
    _endpoint("certificates", _WIRE, "GET", _DOCUMENT, wireserver.certificates, {"comp": "certificates"}),
    _endpoint("remote-access", _WIRE, "GET", _DOCUMENT, wireserver.remote_access, {"comp": "remoteaccess"}),
    _endpoint("health", _WIRE, "POST", _MACHINE, provisioning.health, {"comp": "health"}),
    _endpoint(
        "role-properties", _WIRE, "POST", _MACHINE, provisioning.role_properties, {"comp": "roleproperties"}
    ),
    _endpoint("health-json", _WIRE, "POST", "/provisioning/health", provisioning.health_json),
    _endpoint("telemetry", _WIRE, "POST", _MACHINE, reports.telemetry, {"comp": "telemetrydata"}),
    _endpoint("health-service", _WIRE, "POST", "/HealthService", reports.observations),
    _endpoint("host-plugin-versions", _PLUGIN, "GET", "/versions", hostplugin.versions),
    _endpoint("host-plugin-health", _PLUGIN, "GET", "/health", hostplugin.health),
    _endpoint("vm-settings", _PLUGIN, "GET", "/vmSettings", hostplugin.vm_settings),
    _endpoint("status", _PLUGIN, "PUT", "/status", hostplugin.status),
    _endpoint("extension-artifact", _PLUGIN, "GET", "/extensionArtifact", hostplugin.artifact),
    _endpoint("vm-agent-log", _PLUGIN, "PUT", "/vmAgentLog", hostplugin.agent_log),
    _endpoint("instance-metadata", Service.IMDS, "GET", r"/metadata/instance(/.*)?", imds.instance),
    _endpoint("metadata-versions", Service.IMDS, "GET", r"/metadata/versions/?", imds.versions),
    _endpoint("reprovision-data", Service.IMDS, "GET", r"/metadata/reprovisiondata/?", imds.reprovision_data),
    _endpoint(
        "scheduled-events", Service.IMDS, "GET POST", r"/metadata/scheduledevents/?", imds.scheduled_events
    ),
    _endpoint("attested-document", Service.IMDS, "GET", r"/metadata/attested/document/?", imds.not_emulated),
    _endpoint("identity", Service.IMDS, "GET", r"/metadata/identity(/.*)?", imds.not_emulated),
    _endpoint("blob-download", Service.STORAGE, "GET HEAD", r"/.+", storage.get_blob),
    _endpoint("blob-upload", Service.STORAGE, "PUT", r"/.+", storage.put_blob),
)

NAMES = frozenset(endpoint.name for endpoint in ENDPOINTS) | frozenset(answers.ENDPOINTS) | {UNKNOWN}


def find(call: Call, storage_prefix: str) -> Endpoint | None:
    """The endpoint that `call` is for. storage_prefix: below it the wire server serves blobs; empty when it does not."""
    path = call.path
    service = call.service
    if storage_prefix and service is Service.WIRE_SERVER and path.startswith(f"{storage_prefix}/"):
        service = Service.STORAGE
    return next(
        (endpoint for endpoint in ENDPOINTS if endpoint.service is service and endpoint.matches(call, path)),
        None,
    )
