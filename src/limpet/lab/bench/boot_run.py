"""Boots a new VM with one agent or another, and measures: until the fabric hears Ready, and until all is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count as numbers
from typing import TYPE_CHECKING, Any

from limpet.lab.bench.figures import Figure, Series
from limpet.lab.clock import now, wait_for
from limpet.lab.commands import LabError
from limpet.lab.vm.recipes import CLOUD_INIT, LIMPET, LIMPET_SAME_KEYS, WAAGENT, VmImage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from limpet.lab.vm.rack import Place, Rack
    from limpet.lab.vm.ssh import Key
    from limpet.lab.vm.virtual_machine import Vm

SLICE = "limpetlab.slice"
"""Holds every unit of an agent, so that it counts for those too that have ended."""
LONGEST = 900.0
MEGABYTE = 1_000_000
USER, HOST_NAME = "ada", "engine"

READY = Figure(key="boot-vm/ready", what="unit start → Ready accepted", unit="s", budget=2.5)
READY_CPU = Figure(key="boot-vm/ready-cpu", what="CPU when Ready is accepted", unit="s", budget=2)
MISSING = Figure(
    key="boot-vm/missing", what="not in place when Ready is accepted, of 5", unit="", budget=0, digits=0
)
REQUESTS = Figure(key="boot-vm/requests", what="HTTP requests to Ready", unit="", digits=0)
FINISHED = Figure(key="boot-vm/finished", what="unit start → all of it finished", unit="s")
FINISHED_CPU = Figure(key="boot-vm/finished-cpu", what="CPU when finished", unit="s")
MEMORY = Figure(key="boot-vm/memory", what="peak memory, files it read included", unit="MB", digits=1)
FROM_KERNEL = Figure(key="boot-vm/from-kernel", what="kernel start → Ready accepted", unit="s")
KEYS = Figure(key="boot-vm/keys", what="ssh host keys made", unit="", digits=0)
FIGURES = (READY, READY_CPU, MISSING, REQUESTS, FINISHED, FINISHED_CPU, MEMORY, FROM_KERNEL, KEYS)

# Each prints a line when it is not there. Whichever folder an agent mounts the disk on is right.
PROMISES: Mapping[str, str] = {
    "user": f"id {USER} >/dev/null 2>&1",
    "key": f"grep -qs ssh-ed25519 /home/{USER}/.ssh/authorized_keys",
    "sudo rule": f"grep -qrs '^{USER} ' /etc/sudoers.d",
    "host name": f'[ "$(cat /proc/sys/kernel/hostname)" = {HOST_NAME} ]',
    "resource disk": 'grep -q "^$(readlink -f /dev/disk/azure/resource)1 " /proc/mounts',
}
LOOK = (
    f"cd /sys/fs/cgroup/{SLICE} && cat cpu.stat memory.peak; "
    + "; ".join(f"{{ {test}; }} || echo 'missing {name}'" for name, test in PROMISES.items())
    + "; echo uptime $(cat /proc/uptime)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class BootAgent:
    """One that provisions. units: its services in the order of their starts; it has finished when the last one has.

    daemon: the last one stays, and provisioning is finished when it has said Ready.
    """

    name: str
    image: VmImage
    units: tuple[str, ...]
    asks: str
    daemon: bool = False

    def measured_image(self) -> VmImage:
        """Its image, with all its units in one control group."""
        drop_ins = {
            f"/etc/systemd/system/{unit}.d/limpet-lab-slice.conf": f"[Service]\nSlice={SLICE}\n"
            for unit in self.units
        }
        return replace(self.image, files={**self.image.files, **drop_ins})


AGENTS = (
    BootAgent(name="limpet", image=LIMPET, units=("limpet-boot.service",), asks="limpet --version"),
    BootAgent(
        name="limpet, RSA too",
        image=LIMPET_SAME_KEYS,
        units=("limpet-boot.service",),
        asks="limpet --version",
    ),
    BootAgent(
        name="cloud-init",
        image=CLOUD_INIT,
        units=(
            "cloud-init-local.service",
            "cloud-init.service",
            "cloud-config.service",
            "cloud-final.service",
        ),
        asks="cloud-init --version 2>&1",
    ),
    BootAgent(
        name="WALinuxAgent",
        image=WAAGENT,
        units=("walinuxagent.service",),
        asks="waagent -version | head -n 1",
        daemon=True,
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Glance:
    """What was seen in a VM at one moment. uptime: seconds since its kernel started. memory: bytes, the most so far."""

    cpu: float
    memory: int
    missing: tuple[str, ...]
    uptime: float


def read_glance(text: str) -> Glance:
    """Of what `LOOK` printed. Raises: LabError, when the agent has not started."""
    found: dict[str, str] = {}
    missing = []
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "missing":
            missing.append(value)
        elif name.isdecimal():
            found["memory"] = name
        else:
            found[name] = value
    try:
        return Glance(
            cpu=int(found["usage_usec"]) / 1e6,
            memory=int(found["memory"]),
            missing=tuple(missing),
            uptime=float(found["uptime"].split()[0]),
        )
    except KeyError as error:
        raise LabError(f"the agent's control group says nothing of {error}") from error


class BootBench:
    """Boots new VMs, one at a time. say: told how it goes."""

    def __init__(self, rack: Rack, key: Key, say: Callable[[str], None]) -> None:
        self._rack = rack
        self._key = key
        self._say = say
        self._numbers = numbers(1)
        self.versions: dict[str, str] = {}

    def measured(self, agents: Sequence[BootAgent], rounds: int) -> dict[str, dict[str, Series]]:
        """Every series by agent and figure; agents take turns, so that what else the machine does meets all. Raises: LabError."""
        found: dict[str, dict[Figure, list[float]]] = {agent.name: {} for agent in agents}
        for number in range(rounds):
            for agent in agents:
                values = self._booted(agent)
                for figure, value in values.items():
                    found[agent.name].setdefault(figure, []).append(value)
                shown = ", ".join(
                    f"{figure.what} {value:.{figure.digits}f}" for figure, value in values.items()
                )
                self._say(f"{agent.name}, round {number + 1}: {shown}")
        return {
            name: {figure.key: Series(values=tuple(values)) for figure, values in series.items()}
            for name, series in found.items()
        }

    def _booted(self, agent: BootAgent) -> dict[Figure, float]:
        rack = self._rack
        described = {"userName": USER, "computerName": HOST_NAME, "publicKeys": [self._key.public]}
        place = rack.place(f"{agent.image.name}-{next(self._numbers)}", **described)
        disc: Path = rack.media(place)
        with rack.vm(agent.measured_image(), place, media=disc) as machine:
            machine.start()
            try:
                return self._watched(agent, machine, place)
            except LabError as error:
                raise LabError(f"{agent.name}: {error}\nits console:\n{machine.console()[-3000:]}") from error

    def _watched(self, agent: BootAgent, machine: Vm, place: Place) -> dict[Figure, float]:
        ready = wait_for(lambda: self._ready(place), f"{place.name} to report Ready", timeout=LONGEST)
        at_ready = read_glance(machine.told(LOOK, timeout=LONGEST))
        kernel_started = self._kernel_started(machine)
        began = kernel_started + self._stamp(machine, agent.units[0], "InactiveExitTimestampMonotonic")
        ended, at_end = ready, at_ready
        if not agent.daemon:
            last = agent.units[-1]
            machine.await_told(
                f"systemctl is-active --quiet {last} && echo finished", "finished", timeout=LONGEST
            )
            at_end = read_glance(machine.told(LOOK))
            ended = kernel_started + self._stamp(machine, last, "ActiveEnterTimestampMonotonic")
        self.versions.setdefault(agent.name, machine.told(agent.asks))
        requests = [r for r in self._rack.world.requests(place.name) if not r["endpoint"].startswith("dhcp")]
        return {
            READY: ready - began,
            READY_CPU: at_ready.cpu,
            MISSING: len(at_ready.missing),
            REQUESTS: sum(request["at"] <= ready for request in requests),
            FINISHED: max(ended, ready) - began,
            FINISHED_CPU: at_end.cpu,
            MEMORY: at_end.memory / MEGABYTE,
            FROM_KERNEL: ready - kernel_started,
            KEYS: int(
                machine.told("find /etc/ssh -name 'ssh_host_*_key' -newermt @$(($(date +%s) - 600)) | wc -l")
            ),
        }

    def _ready(self, place: Place) -> float | None:
        """When the fabric accepted Ready; None while it has not."""
        reports: Sequence[Mapping[str, Any]] = self._rack.world.provisioning(place.name)["reports"]
        return next((float(report["at"]) for report in reports if report["words"] == "Ready"), None)

    @staticmethod
    def _kernel_started(machine: Vm) -> float:
        """When the VM's clock began, on the fabric's: of several looks the quickest tells best."""
        looks = []
        for _ in range(5):
            before = now()
            uptime = float(machine.told("cat /proc/uptime").split()[0])
            after = now()
            looks.append((after - before, (before + after) / 2 - uptime))
        return min(looks)[1]

    @staticmethod
    def _stamp(machine: Vm, unit: str, name: str) -> float:
        """A time of a unit's, in seconds since the kernel started. Raises: LabError, when it has not come."""
        microseconds = int(machine.told(f"systemctl show --property={name} --value {unit}") or 0)
        if not microseconds:
            raise LabError(f"{unit} has no {name}")
        return microseconds / 1e6
