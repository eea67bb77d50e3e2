"""The failure cases F1 to F16 of an appliance, each provoked on a machine in memory. Source: network-appliance.md §8.4."""

from __future__ import annotations

from ipaddress import IPv4Interface

import pytest
from tests.appliance.simulation.looking import flows, shown, steady, visited
from tests.appliance.simulation.networks import GUEST, NOS, Networks
from tests.appliance.simulation.troubles import SECOND
from tests.appliance.simulation.world import PRIMARY, World

from limpet.appliance.guest.images import FACTORY
from limpet.appliance.states import State
from limpet.guest.fabric_lease import Holder


def test_the_status_gap_of_a_planned_handover_is_measured_and_short(world: World) -> None:
    steady(world)
    assert world.supervisor is not None
    gap = world.supervisor.appliance.chronicle.handover.gap
    assert gap is not None
    last = max(each.at for each in world.fabric.taken if each.holder is Holder.STATUS_ONLY)
    first = min(each.at for each in world.fabric.taken if each.holder is Holder.GUEST_SHELL)
    assert gap == pytest.approx(first - last, abs=0.1)
    assert gap < 1.0


# F2


def test_f2_nat_that_is_missing_is_loaded_again_before_anything_is_taken_back(world: World) -> None:
    def lost(state: State) -> None:
        if state is State.CONFIRMING:
            world.heard = lambda _: None
            world.networks.lose_rules(nat=True)

    world.heard = lost
    world.reach(State.STEADY)
    assert State.ROLLING_BACK not in visited(world)
    flows(world)


def test_f2_a_fabric_that_stays_silent_behind_the_network_os_ends_in_a_roll_back(world: World) -> None:
    def silent(state: State) -> None:
        if state is State.CONFIRMING:
            world.heard = lambda _: None
            world.fabric.silent = world.time.monotonic() + 60.0

    world.heard = silent
    world.reach(State.RESCUE)
    flows(world, within=90.0)


# F3, F12


def test_f3_a_virtual_function_that_appears_goes_to_its_nic_without_a_gap_in_the_status(world: World) -> None:
    steady(world)
    epochs = world.supervisor.appliance.lease.epoch  # type: ignore[union-attr]
    world.networks.plug("enP1s2", PRIMARY, vf=True)
    world.live(4.0)
    assert world.networks.where(PRIMARY, vf=True)[0] == NOS  # type: ignore[index]
    assert world.supervisor.appliance.lease.epoch == epochs  # type: ignore[union-attr]
    flows(world)


def test_f12_a_nic_that_is_added_is_given_too_and_gets_its_lease(world: World) -> None:
    steady(world)
    mac = "00:15:5d:00:00:09"
    world.fabric.leases[mac] = IPv4Interface("10.9.0.4/24")
    world.networks.plug("eth9", mac)
    world.live(8.0)
    space, link = world.networks.where(mac)  # type: ignore[misc]
    assert space == NOS
    assert link.addresses == [IPv4Interface("10.9.0.4/24")]
    flows(world)


def test_f12_an_added_nic_that_cannot_be_given_stays_with_linux_and_nothing_else_suffers(
    world: World,
) -> None:
    steady(world)
    mac = "00:15:5d:00:00:09"
    world.program.refuses[f"claim {mac}"] = 1000
    world.networks.plug("eth9", mac)
    world.live(900.0)
    assert State.ROLLING_BACK not in visited(world)
    assert 3 <= sum(state is State.HANDING_OVER for state in visited(world)) <= 8
    assert world.networks.where(PRIMARY)[0] == NOS  # type: ignore[index]
    flows(world)
    world.program.refuses.clear()
    world.live(700.0)
    assert world.networks.where(mac)[0] == NOS  # type: ignore[index]


def test_f12_a_nic_that_is_taken_out_is_forgotten(world: World) -> None:
    steady(world)
    world.networks.unplug(SECOND, vf=False)
    world.live(90.0)
    assert [nic.mac for nic in world.supervisor.appliance.chronicle.nics] == [PRIMARY]  # type: ignore[union-attr]
    assert visited(world) == []
    flows(world)


# F4, F5


def test_f4_a_daemon_that_dies_is_started_again_and_no_nic_moves(world: World) -> None:
    steady(world)
    moves, starts = len(world.networks.moves), world.program.starts
    world.program.daemon = False
    world.live(5.0)
    assert world.program.starts == starts + 1
    assert len(world.networks.moves) == moves
    assert visited(world) == [State.REPAIRING, State.CONFIRMING, State.STEADY]
    flows(world)


def test_f4_a_daemon_that_dies_again_and_again_is_revived_ever_more_patiently(world: World) -> None:
    steady(world)
    for _ in range(200):
        world.program.daemon = False
        world.live(1.0)
    assert 3 <= sum(state is State.REPAIRING for state in visited(world)) <= 15
    assert State.ROLLING_BACK not in visited(world)
    world.live(40.0)
    flows(world)


def test_f4_a_daemon_that_cannot_be_started_again_costs_a_network_os_that_forwards_no_nic(
    world: World,
) -> None:
    steady(world)
    moves = len(world.networks.moves)
    world.program.daemon = False
    world.program.refuses["daemon"] = 10_000
    world.live(1800.0)
    assert len(world.networks.moves) == moves
    assert State.ROLLING_BACK not in visited(world)
    assert world.state is State.STEADY
    assert "its daemon has ended" in str(shown(world)["problem"])
    assert visited(world).count(State.REPAIRING) <= 10
    flows(world)
    world.program.refuses.clear()
    assert world.live(700.0, lambda: world.program.daemon)
    world.live(60.0)
    assert shown(world)["problem"] is None


def test_f4_a_daemon_that_cannot_be_started_again_and_no_way_for_the_guest_take_the_nics_back(
    world: World,
) -> None:
    steady(world)
    world.program.daemon = False
    world.program.refuses |= {"daemon": 10_000, "protect": 10_000}
    world.networks.lose_rules(nat=True)
    assert world.live(240.0, lambda: State.RESCUE in visited(world))
    flows(world)


def test_f5_nics_that_came_back_bare_are_addressed_reported_on_and_handed_over_again(world: World) -> None:
    steady(world)
    world.program.daemon = False
    world.networks.vanish(NOS)
    assert world.live(5.0, lambda: world.fabric.taken[-1].holder is Holder.STATUS_ONLY)
    assert world.fabric.way("") is None
    world.reach(State.STEADY)
    flows(world)


def test_f5_a_network_os_that_dies_between_two_moves_leaves_nobody_cut_off(world: World) -> None:
    def gone() -> None:
        world.program.after_move = lambda: None
        world.program.daemon = False
        world.networks.vanish(NOS)

    world.program.after_move = gone
    world.reach(State.RESCUE)
    flows(world)


# F6


def test_f6_a_guest_that_dies_is_started_again_and_the_network_os_never_notices(world: World) -> None:
    steady(world)
    moves = len(world.networks.moves)
    world.containers.die("killed: out of memory")
    world.live(6.0)
    assert visited(world) == [State.REPAIRING, State.CONFIRMING, State.STEADY]
    assert len(world.networks.moves) == moves
    flows(world)


def test_f6_a_guest_that_keeps_dying_is_replaced_by_a_status_only_agent_that_says_so(world: World) -> None:
    steady(world)
    moves = len(world.networks.moves)
    world.containers.dies = 1000
    world.containers.die("killed: out of memory")
    world.reach(State.DEGRADED)
    flows(world)
    assert "out of memory" in world.fabric.taken[-1].text or "died" in world.fabric.taken[-1].text
    assert len(world.networks.moves) == moves
    for child in world.children.started:
        child.kill()
    flows(world)
    world.containers.dies = 0
    world.wish("retry")
    world.reach(State.STEADY, within=60.0)
    flows(world)


def test_f6_an_agent_that_hangs_with_the_lock_in_its_hand_is_found_and_ended(world: World) -> None:
    steady(world)
    world.containers.wedged = 1
    world.containers.kill_agent()
    world.live(150.0)
    assert State.REPAIRING in visited(world)
    flows(world)


def test_f6_a_guest_whose_image_has_gone_for_good_is_replaced_too(world: World) -> None:
    steady(world)
    world.machine.files.remove(FACTORY[0])
    world.live(5.0)
    assert visited(world) == []  # what runs, runs
    world.containers.die("killed")
    world.reach(State.DEGRADED)
    flows(world)


# F8, F9


def test_f8_no_handover_begins_while_the_fabric_fails(world: World) -> None:
    world.fabric.refusing = (world.time.monotonic() + 30.0, 503)
    world.live(25.0)
    assert State.HANDING_OVER not in visited(world)
    world.reach(State.STEADY)
    flows(world)


@pytest.mark.parametrize("status", [503, 410])
def test_f8_a_fabric_that_fails_in_steady_takes_no_nic_from_the_network_os(world: World, status: int) -> None:
    steady(world)
    world.fabric.refusing = (world.time.monotonic() + 1200.0, status)
    world.live(1190.0)
    assert State.ROLLING_BACK not in visited(world)
    assert sum(state is State.REPAIRING for state in visited(world)) < 8
    world.live(700.0)
    flows(world)


# F10 and F16 are the agent's own; F7 is in tests/appliance/guest.


def test_f11_a_clock_that_jumps_changes_nothing(world: World) -> None:
    steady(world)
    for seconds in (-86400.0, 86400.0 * 400, -3.0):
        world.time.step(seconds)
        world.live(40.0)
    assert visited(world) == []
    flows(world)


@pytest.mark.parametrize("seconds", [86400.0, -86400.0])
def test_f11_a_clock_that_is_set_in_the_midst_of_a_handover_makes_no_other_gap(
    world: World, seconds: float
) -> None:
    def jump(state: State) -> None:
        if state is State.CONFIRMING:
            world.heard = lambda _: None
            world.time.step(seconds)

    world.heard = jump
    steady(world)
    gap = world.supervisor.appliance.chronicle.handover.gap  # type: ignore[union-attr]
    assert gap is not None
    assert 0.0 < gap < 5.0


def test_f13_a_clone_gets_a_guest_shell_of_its_own(world: World) -> None:
    steady(world)
    world.identify("4442e702-dbf4-54c0-80cc-727d1dbed7a5")
    world.restart()
    steady(world)
    assert world.fabric.provisioned == [
        "3332e702-dbf4-54c0-80cc-727d1dbed7a5",
        "4442e702-dbf4-54c0-80cc-727d1dbed7a5",
    ]
    assert world.containers.state == world.vm_id
    flows(world)


def test_f15_an_operator_who_shuts_the_way_is_told_of_and_nothing_is_taken_from_the_network_os(
    world: World,
) -> None:
    steady(world)
    world.program.refuses["dress"] = 1000
    world.networks.bare(PRIMARY)
    world.live(120.0)
    assert State.ROLLING_BACK not in visited(world)
    assert world.supervisor is not None
    assert world.supervisor.appliance.problem
    world.program.refuses.clear()
    world.live(700.0)
    flows(world)


def test_what_is_borne_of_the_network_os_is_not_shown_as_healthy(world: World) -> None:
    steady(world)
    world.program.refuses["protect"] = 1000
    world.networks.lose_rules(nat=False)
    assert world.live(300.0, lambda: world.state is State.REPAIRING)
    assert world.live(300.0, lambda: world.state is State.STEADY)
    assert world.live(
        5.0,
        lambda: (
            shown(world)["networkOs"]
            == {
                "driver": "simulated",
                "health": "wounded",
                "problem": "its rules are not as they were",
            }
        ),
    )
    world.program.refuses.clear()
    assert world.live(700.0, lambda: shown(world)["problem"] is None)
    flows(world)


def test_a_metadata_service_that_is_shut_off_alone_takes_no_nic_from_a_network_os_that_forwards(
    world: World,
) -> None:
    """As by an operator's route into nothing: the driver finds it, and cannot mend it."""
    steady(world)
    world.program.refuses["protect"] = 1000
    world.fabric.mute = {GUEST, NOS}
    world.networks.lose_rules(nat=False)
    assert world.live(300.0, lambda: world.state is State.REPAIRING)
    assert world.live(300.0, lambda: world.log.of("network_os.borne") != [])
    world.live(1200.0)
    assert not {State.ROLLING_BACK, State.RESCUE} & set(visited(world))
    assert world.supervisor is not None
    assert world.supervisor.appliance.problem is not None
    flows(world)


def test_a_nic_that_is_said_to_be_taken_and_is_not_is_told_of(world: World) -> None:
    world.program.idle.add("claim")
    world.reach(State.RESCUE)
    assert shown(world)["problem"] == (
        "cannot give eth1 to the network OS: it says that it has taken it, and Linux has it still"
    )
    world.program.idle.clear()
    world.reach(State.STEADY)
    flows(world)


def owners(world: World) -> list[str]:
    nics = shown(world)["nics"]
    assert isinstance(nics, list)
    return [each["owner"] for each in nics]


def test_f12_a_nic_that_is_replaced_by_another_is_forgotten_when_that_one_comes(world: World) -> None:
    steady(world)
    world.networks.unplug(SECOND, vf=False)
    assert world.live(40.0, lambda: owners(world) == ["network OS", "gone"])
    another = "00:15:5d:00:00:0a"
    world.fabric.leases[another] = IPv4Interface("10.0.9.4/24")
    world.networks.plug("eth1", another, device="vmbus-9")
    assert world.live(20.0, lambda: visited(world)[-1:] == [State.STEADY])
    assert [nic.mac for nic in world.supervisor.appliance.chronicle.nics] == [another, PRIMARY]  # type: ignore[union-attr]
    flows(world)


def test_f15_the_guests_end_of_its_port_is_put_in_place_again_whoever_shut_it(world: World) -> None:
    steady(world)
    assert isinstance(world.networks, Networks)
    link = world.networks.find(GUEST, "gs0")
    assert link is not None
    moves = len(world.networks.moves)
    world.networks.address(link, GUEST, [], up=False)
    assert world.live(60.0, lambda: link.up)
    world.live(10.0)
    assert len(world.networks.moves) == moves
    assert visited(world) == [State.REPAIRING, State.CONFIRMING, State.STEADY]
    flows(world)
