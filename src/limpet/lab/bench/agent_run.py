"""One agent in one machine, through what is measured of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import count as numbers
from typing import TYPE_CHECKING, Any

from limpet.lab.bench import figures, probe
from limpet.lab.bench.figures import Series
from limpet.lab.clock import now, pause, seconds
from limpet.lab.commands import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from limpet.lab.agents import Agent
    from limpet.lab.bench.figures import Figure
    from limpet.lab.fabric import Fabric
    from limpet.lab.machine import Machine
    from limpet.lab.room import Room

VERSION = "1.0.0"
LONGEST = 900.0
"""Seconds until an agent must have done what it was asked."""
PERIOD = 6.0
"""Seconds between two polls of the peer, as Debian ships it."""
GOLDEN = 0.6180339887498949


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much is measured. counts: of extensions. rounds: repetitions of a figure, fewer when it has taken `patience`.

    settle: idleness before the idle window. window: its length; 0 leaves the idle figures out. rest: idleness before
    each of the `rests` changes after idleness. All in seconds.
    """

    counts: tuple[int, ...] = (1, 10, 50)
    rounds: int = 5
    patience: float = 60.0
    settle: float = 60.0
    window: float = 60.0
    rest: float = 90.0
    rests: int = 3

    @property
    def figures(self) -> tuple[Figure, ...]:
        """What comes of it."""
        return figures.figures(self.counts, self.rest)

    def repetitions(self) -> Iterator[int]:
        """Numbers from 0 on, one for each repetition of a figure."""
        began = seconds()
        for number in range(self.rounds):
            if number and seconds() - began >= self.patience:
                return
            yield number


QUICK = Plan(counts=(1,), rounds=1, window=0)


def handlers(most: int) -> list[str]:
    """Names under which the one no-op handler is hosted, so that it becomes many."""
    return [f"Limpet.Bench.Noop{number:02}" for number in range(1, most + 1)]


def unaligned(number: int) -> float:
    """When to publish after something else, seconds: spread evenly over the peer's period, in step with nobody's polls."""
    return PERIOD * ((0.5 + number * GOLDEN) % 1)


def succeeded(report: Mapping[str, Any], wanted: Sequence[str], sequence: int) -> bool:
    """Whether a report of the fabric tells that every wanted handler has succeeded with these settings, or later ones."""
    status = report["status"] or {"handlers": []}
    done = {
        handler["name"]
        for handler in status["handlers"]
        if (settings := handler["settings"])
        and settings["sequenceNumber"] >= sequence
        and settings["status"]["status"] == "success"
    }
    return done.issuperset(wanted)


class Subject:
    """An agent in a fresh machine, with some extensions wanted of it. Nothing is started yet."""

    def __init__(self, agent: Agent, machine: Machine, world: Fabric, vm: str, wanted: Sequence[str]) -> None:
        self._agent = agent
        self._machine = machine
        self._world = world
        self._vm = vm
        self._wanted = wanted
        self._sequence = 0

    def start(self) -> tuple[float, int]:
        """Seconds from the process's start to the first success, and the requests that it took. Raises: LabError."""
        self._world.publish(self._vm, *({"handler": name, "public": {}} for name in self._wanted))
        self._agent.start(self._machine)
        began = self._began()
        at = self._success(after=0)
        return at - began, sum(request["at"] <= at for request in self._world.requests(self._vm))

    def change(self, offset: float) -> float:
        """Publish new settings `offset` seconds from now; gives the seconds until their success. Raises: LabError."""
        pause(offset)
        after = self._world.vm(self._vm)["statusReports"]
        self._sequence += 1
        settings = {"round": self._sequence}
        began = now()
        self._world.publish(self._vm, *({"handler": name, "public": settings} for name in self._wanted))
        return self._success(after=after) - began

    def idle(self, window: float) -> dict[Figure, float]:
        """What it uses in `window` seconds in which nothing is wanted of it. Raises: LabError."""
        cgroup = self._agent.cgroup(self._machine)
        cpu, began = probe.cpu_seconds(cgroup), now()
        pause(window)
        cpu, ended = probe.cpu_seconds(cgroup) - cpu, now()
        pids = probe.processes(cgroup)
        requests = sum(began < request["at"] <= ended for request in self._world.requests(self._vm))
        minutes = (ended - began) / 60
        return {
            figures.MEMORY: probe.memory_megabytes(pids),
            figures.PROCESSES: len(pids),
            figures.CPU: cpu / minutes,
            figures.REQUESTS: requests / minutes,
        }

    def end(self) -> None:
        """Cut the machine's power."""
        self._machine.kill()

    def log(self) -> str:
        """The end of what the agent said."""
        return self._agent.log(self._machine)[-2000:]

    def _began(self) -> float:
        """When systemd started its process, in seconds since 1970: the machine's monotonic clock is ours."""
        show = [
            "systemctl",
            "show",
            "--property=ExecMainStartTimestampMonotonic",
            "--value",
            self._agent.unit,
        ]
        microseconds = self._machine.run(show).checked().strip()
        return int(microseconds) / 1e6 + now() - seconds()

    def _success(self, *, after: int) -> float:
        """When the fabric accepted the first report, of those after `after`, that tells of nothing but success."""
        for name in reversed(self._wanted):
            self._world.wait(
                self._vm,
                timeout=LONGEST,
                handler=name,
                sequence=self._sequence,
                status="success",
                afterStatus=after,
            )
        reports = self._world.statuses(self._vm, after=after)
        for report in reports:
            if succeeded(report, self._wanted, self._sequence):
                return float(report["at"])
        raise LabError(f"none of {len(reports)} reports of {self._vm} tells that everything has succeeded")


class Bench:
    """Runs a plan, agent by agent, on one fabric. say: told how it goes."""

    def __init__(self, room: Room, world: Fabric, plan: Plan, say: Callable[[str], None]) -> None:
        self._room = room
        self._world = world
        self._plan = plan
        self._say = say
        self._numbers = numbers(1)

    def measured(self, agent: Agent, layers: Sequence[Path]) -> dict[str, Series]:
        """Every series of an agent, by the figure's key. layers: the root of its machines. Raises: LabError."""
        found: dict[Figure, list[float]] = defaultdict(list)
        # Once unmeasured: what the first start reads from the disk, every later one finds in memory.
        self._started(agent, layers, 1, defaultdict(list), "warm-up").end()
        for count in self._plan.counts:
            subject = self._started_often(agent, layers, count, found)
            for number in self._plan.repetitions():
                self._changed(agent, subject, figures.change(count), unaligned(number), found)
            if count == 1 and self._plan.window:
                self._idled(agent, subject, found)
            subject.end()
        return {figure.key: Series(values=tuple(values)) for figure, values in found.items()}

    def _started_often(
        self, agent: Agent, layers: Sequence[Path], count: int, found: dict[Figure, list[float]]
    ) -> Subject:
        """Start in one fresh machine after the other; the last one goes on."""
        repetitions = self._plan.repetitions()
        subject = self._started(agent, layers, count, found, f"round {next(repetitions) + 1}")
        for number in repetitions:
            subject.end()
            subject = self._started(agent, layers, count, found, f"round {number + 1}")
        return subject

    def _started(
        self, agent: Agent, layers: Sequence[Path], count: int, found: dict[Figure, list[float]], which: str
    ) -> Subject:
        machine, port = self._room.machine(layers, name=f"{agent.name.lower()}-{next(self._numbers)}")
        self._world.add_vm(machine.name, port.address)
        agent.prepare(machine)
        machine.boot()
        machine.settle()
        subject = Subject(agent, machine, self._world, machine.name, handlers(count))
        try:
            took, requests = subject.start()
        except LabError as error:
            raise LabError(f"{error}\n{agent.name} said:\n{subject.log()}") from error
        found[figures.start(count)].append(took)
        found[figures.first_requests(count)].append(requests)
        self._say(f"{agent.name}: {figures.start(count).what}, {which}: {took:.2f} s, {requests} requests")
        return subject

    def _changed(
        self,
        agent: Agent,
        subject: Subject,
        figure: Figure,
        offset: float,
        found: dict[Figure, list[float]],
    ) -> None:
        took = subject.change(offset)
        found[figure].append(took)
        self._say(f"{agent.name}: {figure.what}: {took:.2f} s")

    def _idled(self, agent: Agent, subject: Subject, found: dict[Figure, list[float]]) -> None:
        plan = self._plan
        self._say(f"{agent.name}: idle for {plan.settle:g} s, then watched for {plan.window:g} s")
        pause(plan.settle)
        used = subject.idle(plan.window)
        for figure, value in used.items():
            found[figure].append(value)
        self._say(
            f"{agent.name}: {', '.join(f'{value:.3g} {figure.unit or figure.what}' for figure, value in used.items())}"
        )
        for number in range(plan.rests):
            rest = plan.rest if number or plan.settle + plan.window < plan.rest else 0
            self._changed(agent, subject, figures.change_after(plan.rest), rest + unaligned(number), found)
