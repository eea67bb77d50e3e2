"""Protocol versions and the goal state of the wire server. Source: wire-protocol.md §1.6, §1.7, §2."""

from __future__ import annotations

from limpet.model.errors import MalformedDocument
from limpet.model.goalstate import PROTOCOL_VERSION, GoalState, Versions
from limpet.model.ids import ConfigName, ContainerId, Incarnation, InstanceId, Url
from limpet.wire import xml
from limpet.wire.http import Request
from limpet.wire.names import fit_for_a_header, fit_for_a_request

VERSIONS = "Versions"
GOAL_STATE = "GoalState"

WIRE_SERVER_HEADERS = {"x-ms-agent-name": "WALinuxAgent", "x-ms-version": PROTOCOL_VERSION}
"""Sent with every request to the wire server but the first; the fabric knows agents by this name."""


def versions_request(endpoint: str) -> Request:
    """Ask which protocol versions are spoken."""
    return Request(method="GET", url=f"http://{endpoint}/?comp=versions")


def parse_versions(body: bytes) -> Versions:
    """Read the answer to `versions_request`. Raises: MalformedDocument."""
    root = xml.parse(body, VERSIONS, root="Versions")
    preferred, supported = xml.first(root, "Preferred"), xml.first(root, "Supported")
    missing = "Preferred" if preferred is None else "Supported" if supported is None else None
    if preferred is None or supported is None:
        raise MalformedDocument(VERSIONS, f"element {missing} is missing")
    versions = tuple(version.text.strip() for version in xml.children(supported, "Version"))
    # Who prefers none says enough by what is supported.
    preference = xml.optional(preferred, "Version") or ""
    if not preference and not versions:
        xml.required(preferred, "Version", VERSIONS)
    return Versions(preferred=preference, supported=versions)


def render_versions(versions: Versions) -> bytes:
    """The document `parse_versions` reads."""
    supported = "".join(f"<Version>{xml.escape_text(version)}</Version>" for version in versions.supported)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Versions><Preferred><Version>{xml.escape_text(versions.preferred)}</Version></Preferred>"
        f"<Supported>{supported}</Supported></Versions>"
    ).encode()


def goal_state_request(endpoint: str) -> Request:
    """Ask for the goal state; the slash before the question mark belongs there."""
    return document_request(Url(f"http://{endpoint}/machine/?comp=goalstate"))


def document_request(url: Url) -> Request:
    """Ask the wire server for a part that a goal state locates."""
    return Request(method="GET", url=url, headers=WIRE_SERVER_HEADERS)


def parse_goal_state(body: bytes) -> GoalState:
    """Read the answer to `goal_state_request`.

    Elements are found at any depth, the first one counts. Raises: MalformedDocument, also when a required element
    is missing or empty, and when an identifier or a URL could not be sent in a request.
    """
    root = xml.parse(body, GOAL_STATE, root="GoalState")

    def identifier(name: str) -> str:
        found = xml.required(root, name, GOAL_STATE)
        if not fit_for_a_header(found):
            raise MalformedDocument(GOAL_STATE, f"element {name} is {found[:64]!r}, which is no identifier")
        return found

    def url(name: str, below: xml.Element | None = root) -> Url | None:
        found = xml.optional(below, name) if below is not None else None
        if found is not None and not fit_for_a_request(found):
            raise MalformedDocument(GOAL_STATE, f"element {name} is not an http or https URL")
        return Url(found) if found is not None else None

    def required_url(name: str) -> Url:
        found = url(name)
        return found if found is not None else Url(xml.required(root, name, GOAL_STATE))

    for part in ("Container", "RoleInstance"):
        if xml.first(root, part) is None:
            raise MalformedDocument(GOAL_STATE, f"element {part} is missing")
    return GoalState(
        incarnation=Incarnation(identifier("Incarnation")),
        container_id=ContainerId(identifier("ContainerId")),
        instance_id=InstanceId(identifier("InstanceId")),
        config_name=ConfigName(identifier("ConfigName")),
        hosting_environment=required_url("HostingEnvironmentConfig"),
        shared_config=required_url("SharedConfig"),
        extensions_config=url("ExtensionsConfig"),
        certificates=url("Certificates"),
        remote_access=url("RemoteAccessInfo", xml.first(root, "Container")),
        full_config=url("FullConfig"),
        expected_state=xml.optional(root, "ExpectedState") or "Started",
        instance_state=xml.optional(root, "State") or "Started",
    )


def render_goal_state(state: GoalState) -> bytes:
    """The document `parse_goal_state` reads, in the canonical nesting that strict clients need."""

    def element(name: str, value: str | None) -> str:
        return f"<{name}>{xml.escape_text(value)}</{name}>" if value is not None else ""

    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<GoalState xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:noNamespaceSchemaLocation="goalstate10.xsd">'
        f"<Version>{PROTOCOL_VERSION}</Version>{element('Incarnation', state.incarnation)}"
        f"<Machine>{element('ExpectedState', state.expected_state)}"
        "<StopRolesDeadlineHint>300000</StopRolesDeadlineHint><LBProbePorts><Port>16001</Port></LBProbePorts>"
        "<ExpectHealthReport>FALSE</ExpectHealthReport></Machine>"
        f"<Container>{element('ContainerId', state.container_id)}"
        f"{element('RemoteAccessInfo', state.remote_access)}"
        f"<RoleInstanceList><RoleInstance>{element('InstanceId', state.instance_id)}"
        f"{element('State', state.instance_state)}<Configuration>"
        f"{element('HostingEnvironmentConfig', state.hosting_environment)}"
        f"{element('SharedConfig', state.shared_config)}{element('ExtensionsConfig', state.extensions_config)}"
        f"{element('FullConfig', state.full_config)}{element('Certificates', state.certificates)}"
        f"{element('ConfigName', state.config_name)}"
        "</Configuration></RoleInstance></RoleInstanceList></Container></GoalState>"
    ).encode()
