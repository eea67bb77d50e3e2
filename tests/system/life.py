"""The whole life of a handler on a real client: what is published, what is awaited, and what came of it."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.system.layers import LAYERS

from limpet.lab import recipes, rootfs
from limpet.lab.agents import LIMPET, WAAGENT, Agent
from limpet.lab.clock import now
from limpet.lab.fabric import Fabric, fabric
from limpet.lab.packages import package_of
from limpet.lab.room import room

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.lab.machine import Machine
    from limpet.lab.recipes import Recipe

VM = "vm0"
HANDLER = "Limpet.Test.Witness"
FIRST, SECOND = "1.0.0", "1.1.0"
SECRETS = ("never-to-be-seen-1", "never-to-be-seen-2")
PATIENCE = 180.0
"""Seconds until a step must be done; the slowest takes the peer 12."""

# The shortest that both clients take: a new goal state is seen within a second. FastTrack is off in older releases.
CONFIGURATION = {
    "Extensions.GoalStatePeriod": "1",
    "Extensions.InitialGoalStatePeriod": "1",
    "Debug.EnableFastTrack": "y",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """An agent, the Debian it runs on, and the channel by which its goal states come."""

    agent: Agent
    recipe: Recipe
    channel: str

    @property
    def name(self) -> str:
        return f"{self.agent.name.lower()}-{self.recipe.suite}-{self.channel}"


CLIENTS = [
    Client(agent=WAAGENT, recipe=recipes.VM, channel="fabric"),
    Client(agent=WAAGENT, recipe=recipes.NEXT_VM, channel="fabric"),
    Client(agent=WAAGENT, recipe=recipes.NEXT_VM, channel="fast-track"),
    Client(agent=LIMPET, recipe=recipes.VM, channel="fabric"),
    Client(agent=LIMPET, recipe=recipes.VM, channel="fast-track"),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One publication and what the client makes of it. change: of HANDLER. condition: on the next report."""

    name: str
    change: dict[str, Any]
    condition: dict[str, Any]


START = "start"
STEPS = [
    Step(
        name="install",
        change={"version": FIRST, "public": {"greeting": "hello"}, "protected": {"secret": SECRETS[0]}},
        condition={"sequence": 0, "status": "success"},
    ),
    Step(
        name="new settings",
        change={"public": {"greeting": "again"}, "protected": {"secret": SECRETS[1]}},
        condition={"sequence": 1, "status": "success"},
    ),
    Step(name="update", change={"version": SECOND}, condition={"version": SECOND, "status": "success"}),
    Step(name="disable", change={"state": "disabled"}, condition={"handlerStatus": "NotReady"}),
    Step(name="uninstall", change={"state": "uninstall"}, condition={"gone": True}),
]


def answer_of(step: int) -> str:
    """What the handler reports after a step: its greeting and a digest of its secret."""
    changes = [each.change for each in STEPS[: step + 1] if "protected" in each.change]
    digest = hashlib.sha256(changes[-1]["protected"]["secret"].encode()).hexdigest()
    return f"{changes[-1]['public']['greeting']} {digest}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """What was seen. reports: the aggregate status after each step, by its name; began: when it began.

    svd_sequence_numbers: of the goal states. commands: what the handler noted. requests: of the ledger.
    folders: of the handler that are left. log: the agent's.
    """

    health: str | None
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    commands: list[dict[str, Any]]
    requests: list[dict[str, Any]]
    folders: list[str]
    log: str

    def handlers(self, step: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.reports[step]["handlers"]
        return found

    def handler(self, step: str) -> dict[str, Any]:
        [found] = self.handlers(step)
        return found


def lived(client: Client, say: Callable[[str], None]) -> Life:
    """Run it. Raises: LabError, with the agent's log, when a step is not done in time."""
    tree = rootfs.root_file_system(client.recipe, rootfs.default_cache(), say)
    with ExitStack() as stack:
        layers = LAYERS.over(tree) if client.agent is LIMPET else [tree]
        made = stack.enter_context(room())
        world = stack.enter_context(fabric(made.emulator().admin))
        machine, port = made.machine(layers)
        world.add_vm(VM, port.address)
        package = package_of(Path(__file__).parent / "witness")
        for version in (FIRST, SECOND):
            world.host(package, name=HANDLER, version=version)
        client.agent.prepare(machine, CONFIGURATION)
        machine.boot()
        machine.settle()
        try:
            return _lived(client, world, machine)
        except Exception as error:
            error.add_note(client.agent.log(machine)[-20_000:])
            raise


def _lived(client: Client, world: Fabric, machine: Machine) -> Life:
    began, reports = {START: now()}, {}
    client.agent.start(machine)
    if client.agent is WAAGENT:
        world.wait(VM, timeout=PATIENCE, health="Ready")
    world.wait(VM, timeout=PATIENCE, svdSequenceNumber="1")
    reports[START] = world.status(VM)["status"]
    for number, step in enumerate(STEPS, 2):
        before = world.vm(VM)["statusReports"]
        began[step.name] = now()
        world.publish(VM, {"handler": HANDLER, **step.change}, channel=client.channel)
        # A report may come between a handler's own word and the end of its command.
        whole = {"svdSequenceNumber": str(number), "handler": HANDLER, "afterStatus": before}
        world.wait(VM, timeout=PATIENCE, **whole, **step.condition)
        reports[step.name] = world.status(VM)["status"]
    notes = machine.read(f"/var/log/azure/{HANDLER}/commands")
    return Life(
        health=world.vm(VM)["health"],
        reports=reports,
        began=began,
        commands=[json.loads(line) for line in notes.splitlines()],
        requests=world.requests(VM),
        folders=sorted(path.name for path in machine.path("/var/lib/waagent").glob(f"{HANDLER}-*")),
        log=client.agent.log(machine),
    )
