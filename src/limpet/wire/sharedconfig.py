"""SharedConfig. Source: wire-protocol.md §2.6."""

from __future__ import annotations

from limpet.model.goalstate import SharedConfig
from limpet.wire import xml

DOCUMENT = "SharedConfig"


def parse_shared_config(body: bytes) -> SharedConfig:
    """Read the document. Raises: MalformedDocument."""
    root = xml.parse(body, DOCUMENT, root=DOCUMENT)
    instances = [element for element in root.descendants() if element.name == "Instance"]
    own = xml.attribute(xml.first(root, "Incarnation"), "instance")
    mine = next((instance for instance in instances if instance.attributes.get("id") == own), None)
    return SharedConfig(
        instance_name=own,
        addresses=tuple(
            (instance.attributes.get("id", ""), instance.attributes.get("address", ""))
            for instance in instances
        ),
        rdma_ipv4_address=xml.attribute(mine, "rdmaIPv4Address"),
        rdma_mac_address=xml.attribute(mine, "rdmaMacAddress"),
    )


def render_shared_config(config: SharedConfig, incarnation: str) -> bytes:
    """The document `parse_shared_config` reads."""
    number = xml.escape_attribute(incarnation)
    own = config.instance_name
    head = (
        f'<Incarnation number="{number}" instance="{xml.escape_attribute(own)}" />' if own is not None else ""
    )
    rdma = "".join(
        f' {name}="{xml.escape_attribute(value)}"'
        for name, value in (
            ("rdmaIPv4Address", config.rdma_ipv4_address),
            ("rdmaMacAddress", config.rdma_mac_address),
        )
        if value is not None
    )
    instances = "".join(
        f'<Instance id="{xml.escape_attribute(name)}" address="{xml.escape_attribute(address)}"'
        f"{rdma if name == own else ''}>"
        '<FaultDomains randomId="0" updateId="0" updateCount="0" /><InputEndpoints /></Instance>'
        for name, address in config.addresses
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<SharedConfig version="1.0.0.0" goalStateIncarnation="{number}">{head}'
        f"<Instances>{instances}</Instances></SharedConfig>"
    ).encode()
