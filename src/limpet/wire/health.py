"""Provisioning: the health report and the legacy role properties. Source: wire-protocol.md §7.1, §7.3."""

from __future__ import annotations

from limpet.model.errors import MalformedDocument
from limpet.model.health import HealthReport, ProvisioningState, ProvisioningSubStatus, RoleProperties
from limpet.model.ids import ContainerId, Incarnation, InstanceId
from limpet.wire import xml
from limpet.wire.goalstate import WIRE_SERVER_HEADERS
from limpet.wire.http import MIB, Request

HEALTH = "Health"
ROLE_PROPERTIES = "RoleProperties"
DESCRIPTION_LIMIT = 3686
"""Characters of a description that go, before escaping."""

_SERVER_LIMIT = 4096  # bytes
_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'


def xml_post(endpoint: str, component: str, content: str) -> Request:
    """A POST of XML to one component of the wire server; there is no slash before its question mark."""
    return Request(
        method="POST",
        url=f"http://{endpoint}/machine?comp={component}",
        headers={**WIRE_SERVER_HEADERS, "Content-Type": "text/xml;charset=utf-8"},
        body=content.encode(),
        limit=MIB,
    )


def health_request(endpoint: str, report: HealthReport) -> Request:
    """Ask to take a provisioning report. Details go only with a substatus."""
    details = ""
    if report.sub_status is not None:
        details = (
            f"<Details><SubStatus>{report.sub_status.value}</SubStatus>"
            f"<Description>{xml.escape_text(_cut(report.description or ''))}</Description></Details>"
        )
    content = (
        f'{_DECLARATION}<Health xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        f"<GoalStateIncarnation>{xml.escape_text(report.incarnation)}</GoalStateIncarnation>"
        f"<Container><ContainerId>{xml.escape_text(report.container_id)}</ContainerId>"
        f"<RoleInstanceList><Role><InstanceId>{xml.escape_text(report.instance_id)}</InstanceId>"
        f"<Health><State>{report.state.value}</State>{details}</Health>"
        "</Role></RoleInstanceList></Container></Health>"
    )
    return xml_post(endpoint, "health", content)


def _cut(description: str) -> str:
    # The server counts bytes: text outside ASCII may have to be cut shorter than the peer's limit in characters.
    raw = description[:DESCRIPTION_LIMIT].encode("utf-8", "replace")[:_SERVER_LIMIT]
    return raw.decode("utf-8", "ignore")


def parse_health_report(body: bytes) -> HealthReport:
    """Read a report, indented or not. Raises: MalformedDocument, also for an unknown state."""
    root = xml.parse(body, HEALTH, root="Health", limit=MIB)
    # The report and a role's part of it have the same name; the state is found below the role.
    sub_status = xml.optional(root, "SubStatus")
    try:
        state = ProvisioningState(xml.required(root, "State", HEALTH))
        reason = None if sub_status is None else ProvisioningSubStatus(sub_status)
    except ValueError as error:
        raise MalformedDocument(HEALTH, str(error)) from None
    return HealthReport(
        incarnation=Incarnation(xml.required(root, "GoalStateIncarnation", HEALTH)),
        container_id=ContainerId(xml.required(root, "ContainerId", HEALTH)),
        instance_id=InstanceId(xml.required(root, "InstanceId", HEALTH)),
        state=state,
        sub_status=reason,
        description=xml.text(xml.first(root, "Description")),
    )


def role_properties_request(endpoint: str, role: RoleProperties) -> Request:
    """Ask to note a role's properties; only 202 is success."""
    properties = "".join(
        f'<Property name="{xml.escape_attribute(name)}" value="{xml.escape_attribute(value)}" />'
        for name, value in role.properties
    )
    content = (
        f"{_DECLARATION}<RoleProperties><Container>"
        f"<ContainerId>{xml.escape_text(role.container_id)}</ContainerId>"
        f"<RoleInstances><RoleInstance><Id>{xml.escape_text(role.instance_id)}</Id>"
        f"<Properties>{properties}</Properties>"
        "</RoleInstance></RoleInstances></Container></RoleProperties>"
    )
    return xml_post(endpoint, "roleProperties", content)


def parse_role_properties(body: bytes) -> RoleProperties:
    """Read a role's properties. Raises: MalformedDocument."""
    root = xml.parse(body, ROLE_PROPERTIES, root="RoleProperties", limit=MIB)
    properties = []
    for element in root.descendants():
        if element.name == "Property":
            name, value = xml.attribute(element, "name"), xml.attribute(element, "value")
            if not name or value is None:
                raise MalformedDocument(ROLE_PROPERTIES, "a Property lacks its name or its value")
            properties.append((name, value))
    return RoleProperties(
        container_id=ContainerId(xml.required(root, "ContainerId", ROLE_PROPERTIES)),
        instance_id=InstanceId(xml.required(root, "Id", ROLE_PROPERTIES)),
        properties=tuple(properties),
    )
