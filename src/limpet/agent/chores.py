"""Chores: what the agent does once a minute or less often, one after the other in one thread.

Telemetry, the host's health, the duties, limits, logs: each says itself when it wants to be called again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.model.errors import FabricError, HostError
from limpet.model.health import Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from limpet.agent.fabric import Fabric
    from limpet.host.ports import Clock, Log

HEALTH_EVERY = 60.0
TELEMETRY_EVERY = 60.0
UNHEALTHY_AFTER = 300.0
"""A host plugin that has not answered for so long is reported as unhealthy. Source: wire-protocol.md §9."""


class HostHealth:
    """Probes the host plugin and tells the host's health service, in one request for each probe."""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Chore:
    """Something to do every `period` seconds, for the first time `first` seconds after the start.

    do: gives the seconds until it wants to be done again, None for a period.
    """

    do: Callable[[], float | None]
    period: float
    first: float


class Chores:
    """Does what is due."""

    def __init__(self, chores: Sequence[Chore], clock: Clock, log: Log) -> None:
        self._clock = clock
        self._log = log
        start = clock.monotonic()
        self._due = [(start + chore.first, chore) for chore in chores]

    def do(self) -> float:
        """Do every chore that is due. Gives the seconds until the next one is."""
        now = self._clock.monotonic()
        for index, (due, chore) in enumerate(self._due):
            if due <= now:
                again = None
                try:
                    again = chore.do()
                except (FabricError, HostError) as error:
                    self._log.warning("chore.failed", problem=error)
                self._due[index] = (now + (chore.period if again is None else again), chore)
        return max(0.0, min(due for due, _ in self._due) - self._clock.monotonic())
