"""How handovers went is handed to the agent for telemetry, and let go when it has been sent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.appliance.simulation.looking import appliance, steady
from tests.appliance.simulation.real_stages import RealStages
from tests.appliance.simulation.world import PRIMARY, World

from limpet.appliance.states import State
from limpet.guest.fabric_lease import EXCHANGE
from limpet.guest.stage_events import EVENTS, HANDOVER, LARGEST, ROLL_BACK, StageEvent, parse_events

if TYPE_CHECKING:
    from collections.abc import Mapping


def waiting(world: World) -> tuple[StageEvent, ...]:
    return parse_events(world.machine.files.read(EXCHANGE / EVENTS, at_most=LARGEST))


def test_a_handover_is_told_of_with_its_gap(world: World) -> None:
    steady(world)
    (event,) = waiting(world)
    assert (event.operation, event.left, event.entered, event.nics) == (HANDOVER, "handing-over", "steady", 2)
    assert event.gap == appliance(world).chronicle.handover.gap
    assert event.driver == appliance(world).network_os.name


def test_a_handover_that_is_taken_back_is_told_of_with_the_reason_and_how_long_nothing_was_reported(
    world: World,
) -> None:
    world.program.refuses[f"claim {PRIMARY}"] = 1
    world.reach(State.RESCUE)
    assert world.live(20.0, lambda: world.machine.files.info(EXCHANGE / EVENTS) is not None)
    event = waiting(world)[0]
    assert (event.operation, event.left, event.entered) == (ROLL_BACK, "handing-over", "rescue")
    assert event.reason is not None
    assert "eth0" in event.reason
    assert event.gap is not None
    assert 0.0 < event.gap < 5.0
    world.reach(State.STEADY)
    world.live(3.0)
    assert [each.operation for each in waiting(world)] == [ROLL_BACK, HANDOVER]
    numbers = [each.number for each in waiting(world)]
    assert numbers == sorted(set(numbers))


def test_a_supervisor_that_is_started_anew_has_it_sent_all_the_same(world: World) -> None:
    steady(world)
    before = waiting(world)
    assert world.supervisor is not None
    assert world.supervisor.process is not None
    world.end(world.supervisor.process)
    world.live(5.0)
    assert waiting(world) == before


def telling(world: World) -> RealStages:
    real = RealStages(world)
    real.config = replace(real.config, telemetry=True)
    return real


def told(real: RealStages) -> list[Mapping[str, object]]:
    events = [dict(each.value.parameters) for each in real.core.vm.inbox.telemetry.items]
    return [each for each in events if each.get("Name") == "limpet-appliance"]


def test_the_guest_shells_agent_sends_it_once_and_it_is_let_go(world: World) -> None:
    real = telling(world)
    world.reach(State.STEADY)
    world.live(200.0)
    (found,) = told(real)
    assert (found["Operation"], found["OperationSuccess"]) == (HANDOVER, True)
    assert '"networkOs"' in str(found["Message"])
    assert world.machine.files.info(EXCHANGE / EVENTS) is None


def test_the_agent_that_reports_from_linux_sends_why_a_handover_was_taken_back() -> None:
    world = World()
    real = telling(world)
    world.program.refuses[f"claim {PRIMARY}"] = 1000
    world.reach(State.RESCUE)
    assert world.live(60.0, lambda: bool(told(real)))
    found = told(real)[0]
    assert (found["Operation"], found["OperationSuccess"]) == (ROLL_BACK, False)
    assert '"reason": "' in str(found["Message"])
    world.close()
