"""A machine on which everything takes long: what starts there is waited for, and no handover is made before its time."""

from __future__ import annotations

from tests.appliance.simulation.world import World

from limpet.appliance.states import State


def test_a_guest_shell_that_starts_slowly_is_waited_for_before_the_nics_move() -> None:
    world = World()
    world.containers.starting, world.containers.loading = 4.0, 100.0
    world.reach(State.STEADY)
    assert world.live(60.0, lambda: world.since_status < 3.0)
    gap = None if world.supervisor is None else world.supervisor.appliance.chronicle.handover.gap
    world.close()
    assert gap is not None
    assert gap < 10.0, "it was handed over while the agent was being loaded"


def test_an_agent_that_loads_slowly_is_not_taken_for_dead_after_its_guest_shell_was_started_anew() -> None:
    world = World()
    world.containers.starting, world.containers.loading = 4.0, 60.0
    world.reach(State.STEADY)
    world.live(30.0)
    world.containers.die("an experiment")
    assert world.live(300.0, lambda: world.state is State.REPAIRING)
    world.reach(State.STEADY)
    starts = len(world.containers.starts)
    world.live(300.0)
    world.close()
    assert len(world.containers.starts) == starts
    assert world.state is State.STEADY
