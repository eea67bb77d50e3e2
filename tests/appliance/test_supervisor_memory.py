"""What the simulation found about what is remembered: a journal that is lost, and images that are believed too early."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.appliance.simulation import operators
from tests.appliance.simulation.guest_shell import BAD, GOOD
from tests.appliance.simulation.invariants import ends_well
from tests.appliance.simulation.looking import flows, steady

from limpet.appliance.guest.images import FACTORY, read_slots
from limpet.guest.fabric_lease import EXCHANGE, GRANT, parse_grant

if TYPE_CHECKING:
    from tests.appliance.simulation.world import World


def epoch(world: World) -> int:
    return parse_grant(world.machine.files.read(EXCHANGE / GRANT, at_most=65536)).epoch


def test_no_epoch_is_given_twice_in_one_boot_though_the_journal_cannot_be_read(world: World) -> None:
    steady(world)
    before = epoch(world)
    world.journal.sick = 1
    world.kill_supervisor()
    flows(world)
    assert epoch(world) > before
    assert world.fabric.ledger[-1][2] == epoch(world)


@pytest.mark.parametrize("content", sorted(set(BAD)))
def test_an_image_with_which_no_agent_is_heard_is_not_believed_and_the_one_before_it_is_started(
    world: World, content: bytes
) -> None:
    steady(world)
    operators.upgrade(world, content)
    world.live(30.0)
    assert read_slots(world.machine.files).confirmed is None
    assert world.live(1800.0, lambda: world.containers.image == FACTORY[0] and ends_well(world))
    assert read_slots(world.machine.files).bad


def test_an_image_is_not_believed_for_the_sake_of_the_one_that_ran_when_it_was_put_in_place(
    world: World,
) -> None:
    steady(world)
    world.put(operators.NEW, BAD[0])
    operators.put_in_place(world)
    world.live(5.0)
    world.kill_supervisor()
    flows(world)
    world.live(20.0)
    assert read_slots(world.machine.files).confirmed is None
    assert read_slots(world.machine.files).tried == "a"


def test_an_image_with_which_an_agent_is_heard_is_believed(world: World) -> None:
    steady(world)
    operators.upgrade(world, GOOD)
    assert world.live(60.0, lambda: read_slots(world.machine.files).confirmed == "a")
    world.power_off()
    world.power_on()
    flows(world)
    assert world.containers.image != FACTORY[0]
