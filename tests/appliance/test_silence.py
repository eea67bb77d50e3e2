"""A rule that drops the guest's packets without a word, while STEADY: an agent that waits for its own time limits says nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.appliance.simulation.looking import flows, steady, visited
from tests.appliance.simulation.networks import GUEST, NOS

from limpet.agent.metadata_watch import METADATA_EVERY
from limpet.appliance.phases.probing import where
from limpet.appliance.phases.suspecting import SILENT, TROUBLED
from limpet.appliance.states import State

if TYPE_CHECKING:
    from tests.appliance.simulation.world import World

    from limpet.appliance.appliance import Appliance

BEHIND = "the network OS reaches the fabric, the guest shell behind it does not"


def of(world: World) -> Appliance:
    assert world.supervisor is not None
    return world.supervisor.appliance


def told(world: World) -> str:
    return of(world).problem or ""


def test_packets_that_are_dropped_silently_are_told_of_within_a_quarter_of_a_minute(world: World) -> None:
    steady(world)
    world.fabric.limit = 51.0
    world.fabric.dropped = {GUEST}
    assert world.live(15.0, lambda: BEHIND in told(world))
    assert "no connection was made" in told(world)
    world.live(100.0)
    assert BEHIND in told(world)
    assert not {State.ROLLING_BACK, State.RESCUE} & set(visited(world))
    world.fabric.dropped = set()
    world.live(60.0)
    assert of(world).problem is None
    assert of(world).unreached == 0
    flows(world)


def test_a_network_os_that_reaches_nothing_either_is_told_of_as_such(world: World) -> None:
    steady(world)
    world.fabric.limit = 51.0
    world.fabric.dropped = {GUEST, NOS}
    assert world.live(15.0, lambda: "the network OS does not reach the fabric either" in told(world))
    world.live(60.0)
    assert not {State.ROLLING_BACK, State.RESCUE} & set(visited(world))


def test_a_metadata_service_that_alone_does_not_answer_is_told_of_and_rules_are_put_in_place_again(
    world: World,
) -> None:
    steady(world)
    world.fabric.mute = {GUEST}
    says = "the network OS reaches the metadata service, the guest shell behind it does not"
    assert world.live(METADATA_EVERY + 20.0, lambda: says in told(world))
    assert "169.254.169.254:80: no connection was made" in told(world)
    assert "168.63.129.16" not in told(world)
    world.live(100.0)
    assert says in told(world)
    assert State.REPAIRING in visited(world)
    assert not {State.ROLLING_BACK, State.RESCUE} & set(visited(world))
    world.fabric.mute = set()
    world.live(60.0)
    assert of(world).problem is None
    assert of(world).unreached == 0
    flows(world)


def test_a_metadata_service_that_answers_nobody_is_no_fault_behind_the_network_os(world: World) -> None:
    steady(world)
    world.fabric.mute = {GUEST, NOS}
    says = "the network OS does not reach the metadata service either"
    assert world.live(METADATA_EVERY + 20.0, lambda: says in told(world))
    world.live(1800.0)
    assert 3 <= sum(state is State.REPAIRING for state in visited(world)) <= 8
    assert not {State.ROLLING_BACK, State.RESCUE} & set(visited(world))


def test_trouble_that_an_agent_tells_of_is_looked_into_at_once(world: World) -> None:
    steady(world)
    world.live(30.0)
    world.fabric.limit = 3.0
    world.fabric.dropped = {GUEST}
    # A poll's period, the agent's own limit, the probe's three seconds and the network OS's probe.
    assert world.live(3.0 + 3.0 + TROUBLED + 3.0 + 2.0, lambda: BEHIND in told(world))


def test_trouble_that_comes_and_goes_starts_no_process_for_each(world: World) -> None:
    steady(world)
    world.live(30.0)
    before = started(world)
    for _ in range(20):
        world.fabric.refusing = (world.time.monotonic() + 3.0, 503)
        world.live(6.0)
    assert 0 < started(world) - before <= 120.0 / SILENT


def test_where_nobody_can_look_from_the_network_os_nothing_is_said_of_it() -> None:
    assert where(reached=None) == "the guest shell does not reach the fabric"
    assert len({where(reached=each) for each in (None, True, False)}) == 3


def test_rules_are_put_in_place_again_ever_more_seldom_while_an_operator_blocks_the_guest(
    world: World,
) -> None:
    steady(world)
    world.fabric.limit = 51.0
    world.fabric.dropped = {GUEST}
    world.live(1800.0)
    assert 3 <= sum(state is State.REPAIRING for state in visited(world)) <= 8


def test_nothing_is_started_for_an_agent_that_is_well(world: World) -> None:
    steady(world)
    world.live(10.0)
    before = started(world)
    world.live(120.0)
    assert started(world) == before


def test_an_agent_that_asks_seldom_is_looked_into_seldom(world: World) -> None:
    world.poll_every = 25.0
    steady(world)
    world.live(120.0)
    before = started(world)
    world.live(600.0)
    assert started(world) == before
    assert visited(world) == []


def started(world: World) -> int:
    return sum(child.module == "limpet.appliance.workers.probe" for child in world.children.started)
