"""What the commands about the guest shell do: through the supervisor where one runs, else themselves, under its lock."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from limpet.appliance.commands.shown import parse_shown
from limpet.appliance.guest import images, upgrade
from limpet.appliance.guest.layout import NAMES
from limpet.appliance.guest.planning import shell_of
from limpet.appliance.guest.runtimes import require, runtime
from limpet.appliance.guest.wanted import Wanted, noting
from limpet.appliance.show import LARGEST, SHOWN
from limpet.appliance.states import State
from limpet.guest.fabric_lease import EXCHANGE
from limpet.guest.steps import Run, Task
from limpet.host.apply import Interpreter
from limpet.host.chance import RealRandom
from limpet.host.clock import RealClock
from limpet.host.commands import RealCommands
from limpet.host.devices import RealDevices
from limpet.host.files import RealFiles
from limpet.host.kernel import RealKernel
from limpet.host.lock import SingleInstance
from limpet.model.addresses import WIRE_SERVER
from limpet.model.errors import HostError, MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from limpet.appliance.guest.contract import ShellPlan, ShellSight
    from limpet.config.settings import Config
    from limpet.guest.steps import Outcome
    from limpet.host.ports import Clock, Commands, Files, Random

NETWORK = "limpet-guest"
WISH = "guest"
"""The word by which the supervisor is told to look at what is wanted."""
PATIENCE = 90.0
"""How long the supervisor may take, seconds: the guest's services have time to end, and there is back-off after failures."""
_LOOK_EVERY = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Here:
    """A machine as these commands need it. supervisor: the process id of the one that runs, None where none does.

    locked: keeps a supervisor from starting meanwhile. wake: tells the one that runs to look.
    """

    files: Files
    commands: Commands
    interpreter: Interpreter
    clock: Clock
    chance: Random
    supervisor: Callable[[], int | None]
    locked: Callable[[], AbstractContextManager[object]]
    wake: Callable[[int], None]

    @classmethod
    def this_machine(cls) -> Here:
        """The one that this runs on."""
        from limpet.appliance.main import SUPERVISOR, supervisor  # noqa: PLC0415 - the supervisor's own module is large

        files, commands, clock = RealFiles(), RealCommands(), RealClock()
        interpreter = Interpreter(
            files=files, commands=commands, devices=RealDevices(), kernel=RealKernel(), clock=clock
        )

        def locked() -> SingleInstance:
            files.make_folder(SUPERVISOR.parent)
            return SingleInstance(SUPERVISOR, who="limpet guestshell")

        return cls(
            files=files,
            commands=commands,
            interpreter=interpreter,
            clock=clock,
            chance=RealRandom(),
            supervisor=lambda: supervisor(SUPERVISOR, files),
            locked=locked,
            wake=lambda process: os.kill(process, signal.SIGUSR1),
        )


def network_task(plan: ShellPlan, files: Files) -> tuple[Task, ...]:
    """Make the network that the guest shell joins, where no supervisor has: it leads nowhere until a handover."""
    if files.info(NAMES / plan.network) is not None:
        return ()
    steps = (
        Run(("ip", "netns", "add", plan.network)),
        Run(("ip", "-n", plan.network, "link", "set", "lo", "up")),
    )
    return (Task(name="guest-network", purpose="make the guest shell's network", steps=steps),)


class Deeds:
    """The commands on one machine. Each gives what it says at the end, and raises HostError or AlreadyRunning."""

    def __init__(self, here: Here, config: Config) -> None:
        self.here = here
        self._config = config
        self.runtime = runtime(config.runtime, here.files)

    def plan(self, instance: str = "unknown") -> ShellPlan:
        """The guest shell as the settings have it, for all but a start: it can be stopped when its image has gone."""
        try:
            return self.startable(instance)
        except HostError:
            return self._plan(images.FACTORY[-1], instance)

    def startable(self, instance: str) -> ShellPlan:
        """The same. Raises: HostError, when there is no image that can be started."""
        return self._plan(images.image_to_start(self.here.files), instance)

    def _plan(self, image: Path, instance: str) -> ShellPlan:
        dns = _resolvers(self._config.guest_dns)
        return shell_of(self._config, image=image, instance=instance, network=NETWORK, dns=dns)

    def look(self) -> ShellSight:
        """How it is. Raises: HostError."""
        return self.runtime.look(self.plan(), self.here.files, self.here.commands)

    def enable(self, tell: Callable[[Outcome], None]) -> str:
        """Have it run."""
        require(self.runtime.name, self.here.commands)
        self.startable("unknown")
        self._note(Wanted.ENABLED)
        supervisor = self.here.supervisor()
        if supervisor is not None:
            return self._ask(supervisor, running=True)
        with self.here.locked():
            sight = self.look()
            if sight.running:
                return "The guest shell runs already."
            plan = self.startable(self.here.chance.guid())
            self._apply(self.runtime.stop(plan, sight), tell)
            self._apply(network_task(plan, self.here.files), tell)
            self._apply(self.runtime.prepare(plan, self.look()), tell)
            self._apply(self.runtime.start(plan, self.look()), tell)
        return "The guest shell runs. No supervisor does: `limpet appliance run` hands the NICs over and tells its agent what to do."

    def disable(self, tell: Callable[[Outcome], None]) -> str:
        """Stop it."""
        self._note(Wanted.DISABLED)
        supervisor = self.here.supervisor()
        if supervisor is not None:
            return self._ask(supervisor, running=False)
        with self.here.locked():
            self._apply(self.runtime.stop(self.plan(), self.look()), tell)
        return "The guest shell is stopped; what is in it is kept."

    def destroy(self, tell: Callable[[Outcome], None], *, everything: bool) -> str:
        """Stop it and forget its root file system, or everything but the images."""
        self.disable(tell)
        plan, sight = self.plan(), self.look()
        verb = self.runtime.destroy if everything else self.runtime.reset
        self._apply(verb(plan, sight), tell)
        kept = "images" if everything else "images, the agent's state, logs and homes"
        return f"The guest shell is gone; kept: {kept}."

    def upgrade(self, source: Path, tell: Callable[[Outcome], None]) -> str:
        """Put an image in the free slot. Gives the slot."""
        slot, _ = upgrade.install(
            self.here.interpreter, source, tell, led=self._config.guest_agent == "limpet"
        )
        return slot

    def _note(self, state: Wanted) -> None:
        for step in noting(state):
            self.here.interpreter.do(step)

    def _ask(self, supervisor: int, *, running: bool) -> str:
        """Have the supervisor do it, and wait. Raises: HostError, when it does not in time."""
        files, clock = self.here.files, self.here.clock
        files.make_folder(EXCHANGE)
        files.replace(EXCHANGE / "wish", f"{WISH}\n".encode("ascii"), durable=False)
        self.here.wake(supervisor)
        deadline = clock.monotonic() + PATIENCE
        while self.look().running is not running:
            if running and self._in_rescue():
                return "That is noted. Linux has the NICs now: the supervisor starts the guest shell with the next handover; `limpet show` says why."
            if clock.monotonic() >= deadline:
                raise HostError(
                    f"the supervisor has not done it within {PATIENCE:g} s and still may; `limpet show` says where it is"
                )
            clock.sleep(_LOOK_EVERY)
        return f"The supervisor has {'started' if running else 'stopped'} the guest shell."

    def _in_rescue(self) -> bool:
        try:
            return bool(
                parse_shown(self.here.files.read(SHOWN, at_most=LARGEST))["stage"] == State.RESCUE.value
            )
        except (FileNotFoundError, HostError, MalformedDocument):
            return False

    def _apply(self, tasks: Iterable[Task], tell: Callable[[Outcome], None]) -> None:
        failed = next(
            (
                outcome
                for outcome in self.here.interpreter.apply(tasks, tell)
                if outcome.failed and outcome.task.required
            ),
            None,
        )
        if failed is not None:
            raise HostError(failed.describe())


def _resolvers(setting: str | None) -> tuple[IPv4Address, ...]:
    return (WIRE_SERVER,) if setting is None else tuple(map(IPv4Address, setting.split(",")))
