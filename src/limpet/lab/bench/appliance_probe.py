"""What an appliance uses, seen from outside: its guest shell's processes, its agent's, and the supervisor's. Raises: LabError."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab.bench import probe
from limpet.lab.bench.appliance_figures import (
    AGENT_CPU,
    AGENT_MEMORY,
    GUEST_CPU,
    GUEST_MEMORY,
    GUEST_PROCESSES,
    HOST_MEMORY,
    HOST_PROCESSES,
    REQUESTS,
    SUPERVISOR_CPU,
    SUPERVISOR_MEMORY,
)
from limpet.lab.clock import now, pause
from limpet.lab.commands import LabError, run

if TYPE_CHECKING:
    from limpet.lab.appliance.room import Appliance
    from limpet.lab.bench.figures import Figure

SUPERVISOR = "limpet-appliance.service"
CONTAINER, MONITOR = "lxc.payload.*", "lxc.monitor.*"
MEGABYTE = 1_000_000
BLOCK = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class Idle:
    """What is looked at while nothing is wanted. agent: the unit of the guest shell's agent. supervised: whether by limpet."""

    agent: str
    supervised: bool
    settle: float
    window: float

    def figures(self, made: Appliance) -> dict[Figure, float]:
        """What an appliance uses in the window, and has at its end."""
        container = only(made.machine.cgroup, CONTAINER)
        groups = {GUEST_CPU: container, AGENT_CPU: only(container, self.agent)}
        if self.supervised:
            groups[SUPERVISOR_CPU] = only(made.machine.cgroup, SUPERVISOR)
        pause(self.settle)
        before = {figure: probe.cpu_seconds(group) for figure, group in groups.items()}
        began = now()
        pause(self.window)
        ended, after = now(), {figure: probe.cpu_seconds(group) for figure, group in groups.items()}
        requests = sum(began < each["at"] <= ended for each in made.world.requests(made.name))
        minutes = (ended - began) / 60
        guest = all_processes(container)
        found: dict[Figure, float] = {
            **{figure: (after[figure] - before[figure]) / minutes for figure in groups},
            REQUESTS: requests / minutes,
            GUEST_MEMORY: probe.memory_megabytes(guest),
            AGENT_MEMORY: probe.memory_megabytes(all_processes(groups[AGENT_CPU])),
            GUEST_PROCESSES: len(guest),
        }
        return {**found, **(on_the_host(made) if self.supervised else {})}


def on_the_host(made: Appliance) -> dict[Figure, float]:
    """Of limpet's own there; the network OS is not counted."""
    supervised = all_processes(only(made.machine.cgroup, SUPERVISOR))
    ours = [pid for pid in supervised if b"/frr/" not in command_line(pid)]
    ours += all_processes(only(made.machine.cgroup, MONITOR))
    supervisor = [pid for pid in supervised if b"\0appliance\0run\0" in command_line(pid)]
    return {
        SUPERVISOR_MEMORY: probe.memory_megabytes(supervisor),
        HOST_MEMORY: probe.memory_megabytes(ours),
        HOST_PROCESSES: len(ours),
    }


def only(cgroup: Path, pattern: str) -> Path:
    """The control group of that name at or below one; the outermost one of several."""
    found = sorted(cgroup.rglob(pattern), key=lambda each: len(each.parts))
    if not found:
        raise LabError(f"there is no {pattern} in {cgroup}")
    return found[0]


def all_processes(cgroup: Path) -> list[int]:
    """Those of a control group and all below it."""
    found = [pid for each in cgroup.rglob("cgroup.procs") for pid in probe.processes(each.parent)]
    return sorted(set(found))


def command_line(pid: int, proc: Path = Path("/proc")) -> bytes:
    """A process's; empty when it has ended."""
    try:
        return (proc / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


def megabytes(made: Appliance, path: str) -> float:
    """What a folder of an appliance occupies on the disk, in 10^6 bytes."""
    told = run(["du", "--summarize", "--block-size=512", str(made.machine.path(path))])
    return int(told.checked().split()[0]) * BLOCK / MEGABYTE
