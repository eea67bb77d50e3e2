"""A probe from a network namespace: does the fabric answer there? Of the fabric that the agent will ask, wherever that is (R6, R7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.shell import brief

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance
    from limpet.host.appliance_ports import Child

PROBE = "limpet.appliance.workers.probe"


def begin_probe(appliance: Appliance, network: str, timeout: float) -> Child:
    """Start one. timeout: seconds that it may try. Raises: HostError."""
    config = appliance.config
    words = {
        "--timeout": f"{timeout:g}",
        "--wire-server": brief(config, appliance.chronicle, appliance.site()).wire_server,
        "--wire-port": str(config.fabric_wire_port),
        "--host-plugin-port": str(config.fabric_host_plugin_port),
        "--metadata": config.metadata_endpoint,
    }
    return appliance.machine.children.start(
        PROBE, *(word for option in words.items() for word in option), network=network
    )
