"""The real boot stage, the real agent and the emulator's core around the supervisor: provisioned once, and an extension of the gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.appliance.simulation.invariants import broken
from tests.appliance.simulation.real_stages import RealStages
from tests.appliance.simulation.world import World
from tests.scenario.handlers import enable, package

from limpet.appliance.states import State
from limpet.emulator.world.goalstates import Publication
from limpet.guest.fabric_lease import Holder

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def published_in_the_gap(world: World) -> RealStages:
    """An extension is wished for while the NICs move."""
    real = RealStages(world)
    real.core.host(package())
    wished: list[State] = []

    def heard(state: State) -> None:
        if state is State.HANDING_OVER and not wished:
            wished.append(state)
            real.core.publish(Publication(changes=(enable(),)))

    world.heard = heard
    return real


def enabled(real: RealStages) -> bool:
    """Whether the platform has heard of the extension's success."""
    report = real.core.vm.status
    if report is None or report.status is None:
        return False
    settings = [each.settings for each in report.status.handlers if each.settings is not None]
    return any(each.status.status is not None and each.status.status.value == "success" for each in settings)


def test_a_vm_is_provisioned_and_said_ready_once_and_the_guest_takes_up_where_boot_left_off(
    world: World,
) -> None:
    real = RealStages(world)
    world.reach(State.STEADY)
    world.live(70.0)
    assert world.fabric.provisioned == [world.vm_id]
    said = [each.value.state.value for each in real.core.vm.inbox.health.items]
    assert said == ["NotReady", "Ready"]  # that it is being provisioned, and that it is done
    assert world.fabric.taken[-1].holder is Holder.GUEST_SHELL
    assert world.supervisor is not None
    gap = world.supervisor.appliance.chronicle.handover.gap
    assert gap is not None
    assert gap < 1.0
    assert not broken(world)


def test_an_extension_that_is_published_in_the_gap_is_installed_in_the_guest_once(world: World) -> None:
    real = published_in_the_gap(world)
    world.reach(State.STEADY)
    assert world.live(30.0, lambda: enabled(real))
    world.live(60.0)
    assert set(real.done.values()) == {1}
    assert not broken(world)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kill", [False, True], ids=["power cut", "supervisor killed"])
def test_whatever_crash_the_extension_succeeds_and_no_command_is_run_twice_for_one_decision(
    kill: bool,
) -> None:
    counted = World()
    try:
        real = published_in_the_gap(counted)
        counted.battery.of = frozenset({"supervisor"})
        assert counted.live(60.0, lambda: enabled(real))
        points = counted.battery.spent
    finally:
        counted.close()
    for at in range(at_first(points), points, 6):
        world = World()
        try:
            real = published_in_the_gap(world)
            world.battery.of = frozenset({"supervisor"})
            if kill:
                world.battery.cut = world.kill_supervisor
            world.battery.left = at
            assert world.live(900.0, lambda: enabled(real)), (at, world.story)  # noqa: B023
            world.live(20.0)
            assert world.fabric.provisioned == [world.vm_id], at
            # A power cut may come between a command and the note of it: it is done again then, by another agent.
            assert max(real.done.values()) <= (2 if world.cuts else 1), (at, real.done)
            assert not broken(world), at
        finally:
            world.close()


def at_first(points: int) -> int:
    """Where to begin counting: another one whenever the story changes."""
    return points % 6
