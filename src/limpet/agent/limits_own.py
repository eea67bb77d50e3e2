"""The agent's own limits, and those of systemd units that handlers install. Source: extensions.md §8.2, §8.5."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from limpet.agent.limits import AGENT, WORKERS, own_groups
from limpet.guest.control_groups import LONG_PERIOD, Limits
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from limpet.agent.limits import Groups, Meter
    from limpet.agent.machine import Machine
    from limpet.model.manifest import ServiceLimits

MIB = 1024 * 1024
WORKERS_CEILING = 640 * MIB
"""Above what a worker may allocate at the most (host/fetch_worker.py)."""
SETTLED = 60.0
"""When the agent's own limits are set, seconds after its workers got a group: one that was started before has ended by then."""
_SECONDS = 20.0
_UNIT = re.compile(r"[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]{0,200}\Z")
_KINDS = (".service", ".slice", ".scope", ".socket")


class OwnLimits:
    """A chore: gives workers a group, sets the agent's own limits a minute later, then lets the meter look."""

    def __init__(
        self,
        control: Groups,
        meter: Meter,
        machine: Machine,
        *,
        cpu: int,
        memory: int,
        environment: Mapping[str, str],
        process: int,
    ) -> None:
        """cpu: percent of one processor. memory: bytes. process: this one's id."""
        self._control = control
        self._meter = meter
        self._machine = machine
        self._limits = Limits(cpu=cpu, memory=memory, period=LONG_PERIOD)
        self._is_service = environment.get("SYSTEMD_EXEC_PID") == str(process)
        self._workers: tuple[Path, ...] | None = None
        self._set = False

    def do(self) -> float | None:
        """Look once. Gives the seconds until it wants to be called again, None for its period."""
        if self._workers is None:
            self._workers = self._confine()
            return SETTLED
        if not self._set:
            self._set = True
            self._apply()
        self._meter.look()
        return None

    def _confine(self) -> tuple[Path, ...]:
        """Let workers that are started from now on be elsewhere: a large download is not to be squeezed into our share."""
        cpu = self._limits.cpu
        workers = self._control.place(WORKERS, Limits(cpu=cpu, ceiling=WORKERS_CEILING, period=LONG_PERIOD))
        if workers:
            self._machine.fetcher.confine(workers)
        return workers

    def _apply(self) -> None:
        if not self._workers:
            return
        if not self._control.systemd:
            self._control.enter(AGENT, self._limits)
        elif self._is_service:
            self._as_service()

    def _as_service(self) -> None:
        """Where this is a service of systemd, systemd limits it: its own group is not ours to write."""
        own = own_groups(self._machine.files)
        unit = next((root.name for root in own.roots if root.name.endswith(".service")), None)
        if unit is None:
            return
        properties = [f"CPUQuota={self._limits.cpu}%", "CPUQuotaPeriodSec=1s"]
        if own.unified is not None:
            properties.append(f"MemoryHigh={self._limits.memory}")
        set_properties(self._machine, unit, properties)


class Services:
    """Limits of systemd units that a handler's manifest names."""

    def __init__(self, machine: Machine, control: Groups) -> None:
        self._machine = machine
        self._control = control

    def limit(self, services: Iterable[ServiceLimits]) -> None:
        """Set the limits of those that are loaded; after `enable`."""
        for service in services:
            unit = unit_name(service.name)
            if unit is None:
                self._machine.log.warning("limits.no_unit", unit=service.name[:100])
            elif self._control.is_open and self._loaded(unit):
                quota = service.cpu_quota_percentage
                memory = service.memory_quota_mb
                set_properties(
                    self._machine,
                    unit,
                    [
                        "CPUAccounting=yes",
                        "MemoryAccounting=yes",
                        f"CPUQuota={'' if quota is None else f'{quota}%'}",
                        f"MemoryHigh={'infinity' if memory is None else memory * MIB}",
                    ],
                )

    def release(self, services: Iterable[ServiceLimits]) -> None:
        """Take the limits away; before `uninstall`."""
        for service in services:
            unit = unit_name(service.name)
            if unit is not None and self._control.is_open and self._loaded(unit):
                set_properties(self._machine, unit, ["CPUQuota=", "MemoryHigh=infinity"])

    def _loaded(self, unit: str) -> bool:
        if not self._control.systemd:
            return False
        try:
            done = self._machine.commands.run(
                ("systemctl", "show", "-p", "LoadState", "--value", "--", unit), timeout=_SECONDS
            )
        except HostError:
            return False
        return done.exit_code == 0 and done.stdout.strip() == b"loaded"


def unit_name(name: str) -> str | None:
    """A unit as systemctl takes it; None for what is no unit's name."""
    if _UNIT.match(name) is None:
        return None
    return name if name.endswith(_KINDS) else f"{name}.service"


def set_properties(machine: Machine, unit: str, properties: Iterable[str]) -> None:
    """Set a unit's properties until the next boot. What fails is logged."""
    try:
        done = machine.commands.run(
            ("systemctl", "set-property", "--runtime", "--", unit, *properties), timeout=_SECONDS
        )
        problem = None if done.exit_code == 0 else done.stderr.decode("utf-8", "replace").strip()[:200]
    except HostError as error:
        problem = str(error)
    if problem is not None:
        machine.log.warning("limits.not_set", group=unit, problem=problem)
