"""What is done once a minute or less often: the health of the host's services, and what handlers want told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.health import Observation

if TYPE_CHECKING:
    from limpet.agent.fabric import Fabric
    from limpet.host.ports import Clock

HEALTH_EVERY = 60.0
UNHEALTHY_AFTER = 300.0
"""A host plugin that has not answered for so long is reported as unhealthy. Source: wire-protocol.md §9."""


class HostHealth:
    """Probes the host plugin and tells the host's health service, in one request for each minute."""

    def __init__(self, fabric: Fabric, clock: Clock) -> None:
        self._fabric = fabric
        self._clock = clock
        self._good = clock.monotonic()

    def observe(self) -> None:
        """Probe and tell."""
        now = self._clock.monotonic()
        if self._fabric.host_plugin_healthy():
            self._good = now
        healthy = now - self._good < UNHEALTHY_AFTER
        self._fabric.observe([Observation(name="GuestAgentPluginHeartbeat", healthy=healthy)])


class Chores:
    """Everything that is done from time to time, in one task."""

    def __init__(self, health: HostHealth) -> None:
        self._health = health

    def do(self) -> float:
        """Do what is due. Gives the seconds until the next time."""
        self._health.observe()
        return HEALTH_EVERY
