"""New machines in namespaces, provisioned by one agent or another: what it takes until Ready is accepted, and to the end."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count as numbers
from typing import TYPE_CHECKING, Any

from limpet.lab import rootfs
from limpet.lab.bench import probe
from limpet.lab.bench.boot_ns_agents import LATE, SLICE, installed_layers
from limpet.lab.bench.boot_ns_probe import started, watched
from limpet.lab.bench.boot_ns_sight import PROMISES, Wanted, host_keys, sight
from limpet.lab.bench.figures import Figure, Series
from limpet.lab.clock import now, seconds
from limpet.lab.commands import LabError
from limpet.lab.provisioning.machine import Wish, new_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from limpet.lab.bench.boot_ns_agents import Provisioner
    from limpet.lab.fabric import Fabric
    from limpet.lab.machine import Machine
    from limpet.lab.provisioning.machine import NewMachine
    from limpet.lab.room import Room

LONGEST = 180.0
"""Seconds until the fabric must have heard Ready, and as long again until all is finished."""
MEGABYTE = 1_000_000
STARTS = 5
"""Of each command in each round."""
PASSWORD = "never-to-be-seen-3"  # noqa: S105 - of a machine that lives for seconds
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIRQ3aZ3k3gJrqXk4m8G2oQk1q2v7yQvJ0dG8fKXc9bY ada@example"
WANTED = Wanted(user="ada", key=KEY, host="engine", trace="/var/lib/custom-data-ran")
ACCOUNT: Mapping[str, Any] = {
    "userName": WANTED.user,
    "computerName": WANTED.host,
    "publicKeys": [KEY],
    "password": PASSWORD,
    "disablePassword": False,
    # A shell script that leaves the trace.
    "customData": "IyEvYmluL3NoCmVjaG8gaGVyZSA+IC92YXIvbGliL2N1c3RvbS1kYXRhLXJhbgo=",
}

READY = Figure(key="boot-ns/ready", what="process start → Ready accepted", unit="s")
FINISHED = Figure(key="boot-ns/finished", what="process start → all of it finished", unit="s")
MISSING = Figure(
    key="boot-ns/missing",
    what=f"not in place when Ready is accepted, of {len(PROMISES)}",
    unit="",
    budget=0,
    digits=0,
)
NOT_RUN = Figure(
    key="boot-ns/not-run", what="custom data not yet run when Ready is accepted", unit="", digits=0
)
READY_CPU = Figure(key="boot-ns/ready-cpu", what="CPU when Ready is accepted", unit="s")
FINISHED_CPU = Figure(key="boot-ns/finished-cpu", what="CPU when finished", unit="s")
MEMORY = Figure(key="boot-ns/memory", what="peak memory of its largest process (VmHWM)", unit="MB", digits=1)
REQUESTS = Figure(key="boot-ns/requests", what="HTTP requests to Ready", unit="", digits=0)
DHCP = Figure(key="boot-ns/dhcp", what="DHCP messages to Ready", unit="", digits=0)
KEYS = Figure(key="boot-ns/keys", what="ssh host keys made", unit="", digits=0)
START = Figure(key="boot-ns/start", what="start-up: its version printed", unit="s", digits=3)
START_CPU = Figure(key="boot-ns/start-cpu", what="CPU of that start", unit="s", digits=3)
DRY_RUN = Figure(
    key="boot-ns/dry-run",
    what="start-up: the plan of `limpet boot --dry-run`",
    unit="s",
    budget=0.1,
    digits=3,
)
DRY_RUN_CPU = Figure(key="boot-ns/dry-run-cpu", what="CPU of that plan", unit="s", digits=3)
FIGURES = (
    READY,
    FINISHED,
    MISSING,
    NOT_RUN,
    READY_CPU,
    FINISHED_CPU,
    MEMORY,
    REQUESTS,
    DHCP,
    KEYS,
    START,
    START_CPU,
    DRY_RUN,
    DRY_RUN_CPU,
)


class NamespaceBench:
    """Provisions new machines, one at a time, on one fabric. admin: its socket. say: told how it goes."""

    def __init__(self, room: Room, world: Fabric, admin: Path, say: Callable[[str], None]) -> None:
        self._room = room
        self._world = world
        self._admin = admin
        self._say = say
        self._numbers = numbers(1)
        self._limpet: list[Path] = []
        self.versions: dict[str, str] = {}
        self.lacking: dict[str, tuple[str, ...]] = {}
        """By agent, what was not in place when Ready was accepted, in any of its rounds."""

    def measured(self, agents: Sequence[Provisioner], rounds: int) -> dict[str, dict[str, Series]]:
        """Every series by agent and figure; agents take turns, so that what else the machine does meets all. Raises: LabError."""
        found: dict[str, dict[Figure, list[float]]] = {agent.name: {} for agent in agents}
        for agent in agents:
            # Not measured: what the first start reads from the disk, every later one finds in memory.
            with self._new(agent) as new:
                self.versions[agent.name] = version(agent, new.machine)
                self._starts(agent, new.machine)
                self._watched(agent, new)
            self._say(f"{agent.name}: warm-up done")
        for number in range(rounds):
            for agent in agents:
                with self._new(agent) as new:
                    starts = self._starts(agent, new.machine)
                # Another machine: nothing of it has been read or run.
                with self._new(agent) as new:
                    values = self._watched(agent, new)
                series = found[agent.name]
                for figure, several in {**starts, **{key: [value] for key, value in values.items()}}.items():
                    series.setdefault(figure, []).extend(several)
                self._say(f"{agent.name}, round {number + 1}: {shown(values)}")
        return {
            name: {figure.key: Series(values=tuple(values)) for figure, values in series.items()}
            for name, series in found.items()
        }

    @contextmanager
    def _new(self, agent: Provisioner) -> Iterator[NewMachine]:
        """A new machine that has started as far as it does without network and agent. Raises: LabError, with the journal."""
        tree = rootfs.root_file_system(agent.recipe, rootfs.default_cache(), self._say)
        if agent.limpet and not self._limpet:
            self._limpet = installed_layers(tree, self._room.workspace)
        layers = [*self._limpet, tree] if agent.limpet else [tree]
        name = f"new-{next(self._numbers)}"
        wish = Wish(account=ACCOUNT)
        with new_machine(self._room, self._world, self._admin, layers, wish, name=name) as new:
            agent.prepare(new.machine)
            if (state := new.boot()) != "running":
                raise LabError(f"{agent.name}: its machine is {state} before it has begun")
            try:
                yield new
            except LabError as error:
                said = journal(agent, new.machine)
                raise LabError(f"{agent.name}: {error}\nits journal:\n{said}") from error

    def _starts(self, agent: Provisioner, machine: Machine) -> dict[Figure, list[float]]:
        """How long small commands of its take, in a machine that is not provisioned; the first run is not counted."""
        commands = [(START, START_CPU, agent.version)]
        if agent.limpet:
            commands.append((DRY_RUN, DRY_RUN_CPU, ("limpet", "boot", "--dry-run")))
        found: dict[Figure, list[float]] = {}
        for wall, cpu, argv in commands:
            runs = started(machine, argv, STARTS + 1)[1:]
            found |= {wall: [run.wall for run in runs], cpu: [run.cpu for run in runs]}
        return found

    def _watched(self, agent: Provisioner, new: NewMachine) -> dict[Figure, float]:
        machine, world = new.machine, self._world
        asked = now()
        with watched(machine.cgroup / SLICE) as peak:
            machine.run(["systemctl", "start", "--no-block", LATE]).checked()
            world.wait(machine.name, timeout=LONGEST, health="Ready")
            ready_cpu = probe.cpu_seconds(machine.cgroup / SLICE)
            seen = sight(machine, WANTED, since=asked)
            # Waits for the job that the target has queued for it.
            machine.run(["systemctl", "start", agent.units[-1]], timeout=LONGEST).checked()
        finished_cpu = ready_cpu if agent.daemon else probe.cpu_seconds(machine.cgroup / SLICE)
        self.lacking[agent.name] = tuple(
            name for name in PROMISES if name in {*seen.missing, *self.lacking.get(agent.name, ())}
        )
        began = stamp(machine, agent.units[0], "ExecMainStartTimestampMonotonic")
        ready = accepted(world.provisioning(machine.name)["reports"])
        ended = ready if agent.daemon else stamp(machine, agent.units[-1], "ActiveEnterTimestampMonotonic")
        requests = [each for each in world.requests(machine.name) if began <= each["at"] <= ready]
        dhcp = sum(each["endpoint"].startswith("dhcp") for each in requests)
        return {
            READY: ready - began,
            FINISHED: max(ended, ready) - began,
            MISSING: len(seen.missing),
            NOT_RUN: int(not seen.ran),
            READY_CPU: ready_cpu,
            FINISHED_CPU: finished_cpu,
            MEMORY: peak.bytes / MEGABYTE,
            REQUESTS: len(requests) - dhcp,
            DHCP: dhcp,
            KEYS: len(host_keys(machine, since=asked)),
        }


def accepted(reports: Sequence[Mapping[str, Any]]) -> float:
    """When the fabric accepted the first Ready, seconds since 1970. Raises: LabError."""
    for report in reports:
        if report["words"] == "Ready":
            return float(report["at"])
    raise LabError(f"none of {len(reports)} reports says Ready")


def stamp(machine: Machine, unit: str, name: str) -> float:
    """A time of a unit's, in seconds since 1970: the machine's monotonic clock is ours. Raises: LabError, when it has not come."""
    show = ["systemctl", "show", f"--property={name}", "--value", unit]
    microseconds = int(machine.run(show).checked().strip() or 0)
    if not microseconds:
        raise LabError(f"{unit} has no {name}")
    return microseconds / 1e6 + now() - seconds()


def version(agent: Provisioner, machine: Machine) -> str:
    """As it tells it in the first line of the answer. Raises: LabError."""
    answer = machine.run(agent.version)
    answer.checked()
    return f"{answer.stdout}\n{answer.stderr}".strip().splitlines()[0].strip()


def journal(agent: Provisioner, machine: Machine) -> str:
    """The end of what its units said."""
    if not machine.running:
        return machine.last_words()
    units = [f"--unit={unit}" for unit in agent.units]
    return machine.run(["journalctl", "--no-pager", "--output=short-precise", *units]).stdout[-4000:]


def shown(values: Mapping[Figure, float]) -> str:
    """A round in a line."""
    return ", ".join(f"{figure.what} {value:.{figure.digits}f}" for figure, value in values.items())
