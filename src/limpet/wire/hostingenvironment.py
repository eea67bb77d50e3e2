"""HostingEnvironmentConfig. Source: wire-protocol.md §2.5."""

from __future__ import annotations

from limpet.model.goalstate import HostingEnvironment
from limpet.wire import xml

DOCUMENT = "HostingEnvironmentConfig"


def parse_hosting_environment(body: bytes) -> HostingEnvironment:
    """Read the document; names that are absent are None. Raises: MalformedDocument."""
    root = xml.parse(body, DOCUMENT, root=DOCUMENT)
    return HostingEnvironment(
        instance_name=xml.attribute(xml.first(root, "Incarnation"), "instance"),
        role_name=xml.attribute(xml.first(root, "Role"), "name"),
        deployment_name=xml.attribute(xml.first(root, "Deployment"), "name"),
    )


def render_hosting_environment(environment: HostingEnvironment, incarnation: str) -> bytes:
    """The document `parse_hosting_environment` reads."""
    number = xml.escape_attribute(incarnation)

    def named(name: str, attribute: str, value: str | None) -> str:
        return f'<{name} {attribute}="{xml.escape_attribute(value)}" />' if value is not None else ""

    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<HostingEnvironmentConfig version="1.0.0.0" goalStateIncarnation="{number}">'
        f"<StoredCertificates />{named('Deployment', 'name', environment.deployment_name)}"
        + named(f'Incarnation number="{number}"', "instance", environment.instance_name)
        + f"{named('Role', 'name', environment.role_name)}</HostingEnvironmentConfig>"
    ).encode()
