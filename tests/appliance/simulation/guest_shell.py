"""A container runtime in memory, with a container that has a service manager and an agent in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.appliance.simulation.agents import guest_agent
from tests.appliance.simulation.networks import GUEST

from limpet.appliance.guest.contract import STORE, ShellSight
from limpet.guest.steps import Run, Task
from limpet.host.fake_commands import Said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.appliance.simulation.processes import Process
    from tests.appliance.simulation.world import World

    from limpet.appliance.guest.contract import ShellPlan
    from limpet.guest.steps import Step
    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles
    from limpet.host.ports import Commands, Files

GOOD = b"squashfs"
BAD = (b"squash-dies", b"squash-mute", b"squash-torn", b"squash-torn")
"""Images with which the guest shell dies, has no agent, or cannot be started."""
VOLUME = STORE / "volume"
LOADING = 0.3
RESTART = 2.0


@dataclass
class Containers:
    """mounted, instance, init: of the one container. refuses: by verb, how often it fails yet. dies: how often it dies right
    after a start. wedged: how many agents of it hang with the lock in their hand. mute: how many never park. changed: content.
    starting, loading: how long the container takes to start, and its agent then, seconds. image: what is mounted. stuffed: whether
    nothing can be removed from its volume.
    """

    world: World
    mounted: bool = False
    image: Path | None = None
    stuffed: bool = False
    instance: str | None = None
    init: int | None = None
    agent: Process | None = None
    problem: str | None = None
    refuses: dict[str, int] = field(default_factory=dict)
    dies: int = 0
    wedged: int = 0
    mute: int = 0
    hangs: bool = False
    starts: list[str] = field(default_factory=list)
    state: str | None = None
    starting: float = 0.0
    loading: float = LOADING
    _pids: int = 100

    def __call__(self, files: FakeFiles, call: Call) -> Said:  # noqa: C901 - one case for each verb
        verb, *rest = call.argv[1:]
        if self.refuses.get(verb, 0) > 0:
            self.refuses[verb] -= 1
            return Said(exit_code=1, stderr=f"{verb}: refused")
        files.before()
        match verb:
            case "mount":
                self.image = Path(rest[0])
                if files.info(self.image) is None:
                    return Said(exit_code=1, stderr="there is no such image")
                self.mounted = True
            case "start":
                if not self.mounted or GUEST not in self.world.networks.spaces:
                    return Said(
                        exit_code=1, stderr="there is nothing to start from, or no network to start in"
                    )
                if self.starting:
                    self.world.machine.clock.sleep(self.starting)
                node = None if self.image is None else files.nodes.at(self.image)
                content = b"" if node is None or node.content is None else node.content
                if content == b"squash-torn":
                    return Said(exit_code=1, stderr="exec /sbin/init: Input/output error")
                self._start(rest[0], content)
            case "stop":
                self.die(None)
                self.mounted = False
            case "reset":
                pass
            case "destroy":
                self.state = None
                if self.world.real is not None:
                    self.world.real.forget()
        return Said()

    def inside(self, _files: FakeFiles, _call: Call) -> Said:
        """What is run in it to make room."""
        if not self.stuffed:
            self.world.machine.files.rooms.pop(VOLUME, None)
        return Said()

    def _start(self, instance: str, content: bytes) -> None:
        self._pids += 1
        self.instance, self.init, self.problem = instance, self._pids, None
        self.starts.append(instance)
        self.state = self.state or self.world.vm_id
        if self.state != self.world.vm_id:
            self.world.fabric.fault("a guest shell has another VM's state")
        if self.dies > 0 or content == b"squash-dies":
            self.dies = max(0, self.dies - 1)
            init = self.init
            self.world.time.after(0.5, lambda: self._dies(init))
            return
        if content != b"squash-mute":
            self._run_agent(self.loading)

    def _dies(self, init: int) -> None:
        if self.init == init:
            self.die("it died right after its start")

    def _run_agent(self, after: float) -> None:
        if self.init is None:
            return
        wedged = self.wedged > 0
        self.wedged -= wedged
        self.hangs = wedged
        mute = self.mute > 0
        self.mute -= mute
        if not mute:
            self.agent = guest_agent(
                self.world, self.instance or "", after=after, wedged=wedged, ended=self._agent_ended
            )

    def _agent_ended(self, process: Process) -> None:
        if self.agent is process and self.init is not None:
            self._run_agent(RESTART)

    def kill_agent(self) -> None:
        """The agent in it dies; its service manager starts it again."""
        agent = self.agent
        if agent is not None and self.init is not None:
            self.agent = None
            self.world.end(agent)
            self._run_agent(RESTART)

    def die(self, problem: str | None) -> None:
        """It is gone, with all that runs in it."""
        agent, self.agent = self.agent, None
        self.init, self.instance = None, None
        self.problem = problem
        if agent is not None:
            self.world.end(agent)

    def power_off(self) -> None:
        """Nothing of it runs any more."""
        self.die(None)
        self.mounted = False


@dataclass
class SimulatedRuntime:
    """The runtime."""

    containers: Containers
    defect: dict[str, int] = field(default_factory=dict)
    name = "lxc"

    def _bug(self, verb: str) -> None:
        if self.defect.get(verb, 0) > 0:
            self.defect[verb] -= 1
            raise TypeError(f"a bug of the runtime in {verb}")

    def look(self, plan: ShellPlan, files: Files, commands: Commands) -> ShellSight:
        self._bug("look")
        del plan, files, commands
        box = self.containers
        return _sight(box.mounted, box.init, box.instance, box.problem, box.state is not None)

    def prepare(self, plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
        self._bug("prepare")
        return () if sight.mounted else (_task("mount", _shell("mount", str(plan.image))),)

    def start(self, plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
        self._bug("start")
        return () if sight.running else (_task("start", _shell("start", plan.instance)),)

    def stop(self, plan: ShellPlan, sight: ShellSight, *, patience: float = 10.0) -> tuple[Task, ...]:
        self._bug("stop")
        del plan, patience
        return (_task("stop", _shell("stop")),) if sight.running or sight.mounted else ()

    def reset(self, plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
        self._bug("reset")
        del plan, sight
        return (_task("reset", _shell("reset")),)

    def destroy(self, plan: ShellPlan, sight: ShellSight) -> tuple[Task, ...]:
        self._bug("destroy")
        del plan, sight
        return (_task("destroy", _shell("destroy")),)

    def enter(self, plan: ShellPlan, sight: ShellSight, argv: Sequence[str]) -> tuple[str, ...]:
        del plan, sight
        return tuple(argv)


@lru_cache(16)
def _sight(
    mounted: bool, init: int | None, instance: str | None, problem: str | None, kept: bool
) -> ShellSight:
    return ShellSight(mounted=mounted, init=init, instance=instance, problem=problem, kept=kept)


def _shell(*words: str) -> Run:
    return Run(("shell", *words), timeout=20.0)


def _task(name: str, *steps: Step) -> Task:
    return Task(name=name, purpose=name, steps=steps)


def sha256sum(files: FakeFiles, call: Call) -> Said:
    """The program."""
    node = files.nodes.at(Path(call.argv[-1]))
    if node is None or node.content is None:
        return Said(exit_code=1, stderr="sha256sum: No such file or directory")
    return Said(f"{hashlib.sha256(node.content).hexdigest()} *{call.argv[-1]}\n")
