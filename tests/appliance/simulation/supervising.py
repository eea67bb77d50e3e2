"""One run of the supervisor's own code in a simulated appliance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.appliance import Appliance
from limpet.appliance.journal import Journal
from limpet.appliance.machine import Machine
from limpet.appliance.states import HANDED_OVER, State
from limpet.appliance.supervisor import run
from limpet.model.errors import HostError, LimpetError

if TYPE_CHECKING:
    from tests.appliance.simulation.processes import Process
    from tests.appliance.simulation.world import World


class Supervisor:
    """One run of the supervisor's program. ended: the state in which it did."""

    appliance: Appliance
    process: Process

    def __init__(self) -> None:
        self.ended: State | None = None


def begin(world: World) -> Supervisor:
    """Start it."""
    machine = world.machine
    ports = Machine(
        files=machine.files,
        commands=machine.commands,
        devices=machine.devices,
        kernel=machine.kernel,
        children=world.children,
        surroundings=world.surroundings,
        fabric_lock=world.lock,
        journal=world.journal,
        clock=world.time,
        chance=machine.chance,
        log=world.log,
    )
    found = Supervisor()

    def body() -> None:
        try:
            journal = Journal(world.journal, world.aside, world.damaged)
            found.appliance = Appliance(ports, world.config, world.driver, world.runtime, journal)
            found.appliance.led = world.led
            found.ended = run(found.appliance, until=lambda state: _entered(world, state))
        except HostError as error:
            world.tell(f"the supervisor ends: {error}")
        except LimpetError as error:
            world.fabric.fault(f"the supervisor ends with {error!r}")
        except Exception as error:
            world.fabric.fault(f"the supervisor ends with a traceback: {error!r}")
            raise
        if world.supervisor is found and found.process.alive:
            world.gone()

    found.process = world.time.spawn("supervisor", body)
    return found


def _entered(world: World, state: State) -> bool:
    """Look at each state as it is entered."""
    world.state = state
    if world.forwarding and world.was_steady and state is State.ROLLING_BACK:
        world.fabric.fault("the NICs have left the network OS for what is nothing to it")
    world.was_steady = world.was_steady or state is State.STEADY
    if state in HANDED_OVER and world.vm_id not in world.fabric.provisioned:
        world.fabric.fault(f"{world.vm_id} was handed over without being provisioned")
    world.states.append((world.time.monotonic(), state))
    world.heard(state)
    problem = world.log.entries[-1].fields.get("problem") if world.log.entries else None
    world.tell(f"state {state.value}{f': {problem}' if problem else ''}")
    return False
