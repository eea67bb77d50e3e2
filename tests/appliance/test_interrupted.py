"""A handover that was interrupted is taken back, and people are told why."""

from __future__ import annotations

from tests.appliance.simulation.world import World

from limpet.appliance.states import State


def test_after_a_power_cut_in_the_midst_of_a_handover_the_status_says_so() -> None:
    world = World()
    world.reach(State.HANDING_OVER)
    world.restart()
    world.reach(State.RESCUE)
    assert world.supervisor is not None
    problem = world.supervisor.appliance.problem
    world.close()
    assert problem == "the handover was interrupted: the machine was started anew"
