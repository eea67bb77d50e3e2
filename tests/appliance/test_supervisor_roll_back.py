"""The failure case F1 of an appliance on a machine in memory: a handover that stops half-way, in all its forms. Source: network-appliance.md §8.4."""

from __future__ import annotations

from ipaddress import IPv4Interface

import pytest
from tests.appliance.simulation.looking import flows, steady, visited
from tests.appliance.simulation.networks import NOS
from tests.appliance.simulation.troubles import SECOND
from tests.appliance.simulation.world import PRIMARY, World

from limpet.appliance.states import State
from limpet.guest.fabric_lease import Holder


@pytest.mark.parametrize("mac", [PRIMARY, SECOND])
def test_f1_a_nic_that_refuses_to_move_is_answered_by_taking_all_back_and_saying_why(
    world: World, mac: str
) -> None:
    world.program.refuses[f"claim {mac}"] = 1000
    world.reach(State.RESCUE)
    world.live(2.0)
    assert world.networks.where(PRIMARY, vf=False)[0] == ""  # type: ignore[index]
    assert world.networks.where(SECOND, vf=False)[0] == ""  # type: ignore[index]
    assert world.fabric.way("") is None
    assert "refused" in world.fabric.taken[-1].text
    assert world.fabric.taken[-1].state == "NotReady"


def test_f1_what_was_moved_returns_in_reverse_order_the_primary_nic_first_and_reports_before_the_others_are_back(
    world: World,
) -> None:
    def refused(state: State) -> None:
        if state is State.CONFIRMING:
            world.fabric.silent = world.time.monotonic() + 18.0

    world.heard = refused
    world.program.slow["release"] = 1.0
    world.reach(State.RESCUE)
    back = [(at, mac) for at, mac, source, target in world.networks.moves if target == ""]
    assert [mac for _, mac in back] == [PRIMARY, SECOND]
    reports = [
        each.at for each in world.fabric.taken if each.holder is Holder.STATUS_ONLY and each.at > back[0][0]
    ]
    assert reports
    assert reports[0] < back[1][0]


def test_f1_a_network_os_that_lets_go_only_after_a_while_is_asked_again_until_it_does(world: World) -> None:
    world.setting(attempts=1)
    world.program.refuses |= {
        f"claim {SECOND}": 0,
        "release": 40,
        "stop": 8,
    }

    def refused(state: State) -> None:
        if state is State.CONFIRMING:
            world.fabric.silent = world.time.monotonic() + 18.0

    world.heard = refused
    world.reach(State.RESCUE)
    assert world.networks.where(PRIMARY)[0] == NOS  # type: ignore[index]
    flows(world, within=200.0)
    assert world.networks.where(PRIMARY)[0] == ""  # type: ignore[index]


def test_f1_the_handover_is_tried_again_with_growing_pauses_and_a_cap_and_then_only_when_an_operator_says_so(
    world: World,
) -> None:
    world.setting(attempts=3)
    world.program.refuses[f"claim {PRIMARY}"] = 1000
    world.live(600.0)
    tries = [at for at, state in world.states if state is State.HANDING_OVER]
    assert len(tries) == 3
    assert tries[2] - tries[1] > tries[1] - tries[0]
    assert world.state is State.RESCUE
    flows(world)
    world.program.refuses.clear()
    world.wish("retry")
    world.reach(State.STEADY, within=60.0)
    flows(world)


def test_f1_spent_attempts_are_still_spent_after_a_reboot(world: World) -> None:
    world.setting(attempts=2)
    world.program.refuses[f"claim {PRIMARY}"] = 1000
    world.live(300.0)
    world.restart()
    world.states.clear()
    world.reach(State.RESCUE)
    flows(world)
    assert State.HANDING_OVER not in visited(world)


def test_f1_a_name_that_is_taken_in_the_network_os_does_not_stop_a_handover(world: World) -> None:
    steady(world)
    mac = "00:15:5d:00:00:77"
    world.fabric.leases[mac] = IPv4Interface("10.77.0.4/24")
    world.networks.plug("eth0", mac)  # the name is free in Linux: its bearer is away
    world.live(5.0)
    assert world.networks.where(mac)[0] == NOS  # type: ignore[index]
    assert world.state is State.STEADY


def test_f1_a_nic_that_will_not_come_back_comes_with_the_end_of_its_namespace(world: World) -> None:
    world.program.refuses[f"claim {PRIMARY}"] = 1
    world.program.refuses[f"release {SECOND}"] = 1000
    world.program.refuses[f"release {PRIMARY}"] = 1000
    world.reach(State.RESCUE)
    flows(world)
    assert world.networks.where(SECOND)[0] == ""  # type: ignore[index]


def test_f1_a_handover_that_is_confirmed_and_collapses_again_and_again_is_given_up_too(world: World) -> None:
    world.setting(attempts=3)

    def collapse(state: State) -> None:
        if state is State.STEADY:
            world.time.after(5.0, lambda: world.networks.vanish(NOS))

    world.heard = collapse
    world.live(900.0)
    assert world.state is State.RESCUE
    assert sum(state is State.HANDING_OVER for state in visited(world)) == 3
    flows(world)


def test_f1_reboots_of_a_steady_appliance_are_no_failed_handovers(world: World) -> None:
    world.setting(attempts=2)
    for _ in range(4):
        steady(world)
        world.restart()
    steady(world)
    flows(world)


def test_f1_a_network_os_that_never_lets_go_is_asked_ever_more_seldom(world: World) -> None:
    world.setting(attempts=1)
    world.program.refuses |= {"release": 100000, "stop": 100000}

    def refused(state: State) -> None:
        if state is State.CONFIRMING:
            world.fabric.silent = world.time.monotonic() + 18.0

    world.heard = refused
    world.live(1800.0)
    assert 5 <= sum(state is State.ROLLING_BACK for state in visited(world)) <= 40
    world.program.refuses.clear()
    flows(world, within=300.0)
