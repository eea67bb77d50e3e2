"""What every driver for a network OS does, on a machine in memory. See rigs.py for adding one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.appliance.networkos.rigs import RIGS, Rig, site_for

from limpet.appliance.networkos.contract import Health
from limpet.guest.namespaces import HOST
from limpet.guest.steps import Task
from limpet.host.fake import PowerCut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from limpet.guest.site import Site
    from limpet.guest.steps import Step


@pytest.fixture(params=sorted(RIGS))
def make(request: pytest.FixtureRequest) -> Callable[[Site], Rig]:
    return RIGS[request.param]


def test_a_handover_gives_every_nic_to_the_network_os(make: Callable[[Site], Rig]) -> None:
    rig = make(site_for(3))
    rig.hand_over()
    assert all(rig.holds(nic) for nic in rig.site.nics)
    assert rig.linux() == set()


def test_taking_all_back_and_stopping_leaves_linux_as_it_was(make: Callable[[Site], Rig]) -> None:
    rig = make(site_for(3))
    before = rig.linux()
    rig.hand_over()
    rig.take_back()
    rig.stop()
    assert rig.linux() == before
    assert not rig.seen().exists(rig.site.network_os)


def test_planning_again_what_is_done_gives_nothing(make: Callable[[Site], Rig]) -> None:
    rig = make(site_for(2))
    rig.hand_over()
    seen = rig.seen()
    assert not any(task.steps for task in rig.driver.start(rig.site, seen))
    for nic in rig.site.nics:
        assert rig.driver.claim(nic, rig.site, seen).forward == ()
        assert rig.blind or rig.driver.dress(nic, rig.site.leases[nic.mac], rig.site, seen) == ()
    rig.take_back()
    rig.stop()
    seen = rig.seen()
    assert rig.blind or not any(task.steps for task in rig.driver.stop(rig.site, seen))
    for nic in rig.site.nics:
        assert rig.driver.release(nic, rig.site, seen) == ()


def test_in_doubt_everything_is_done_again_and_works(make: Callable[[Site], Rig]) -> None:
    rig = make(site_for(2))
    rig.hand_over()
    before = rig.seen()
    for nic in rig.site.nics:
        steps = rig.driver.dress(nic, rig.site.leases[nic.mac], rig.site, rig.seen().in_doubt())
        assert steps
        rig.do(steps)
    assert rig.seen() == before


def test_what_a_move_takes_back_is_what_release_does(make: Callable[[Site], Rig]) -> None:
    rig = make(site_for(2))
    rig.start()
    nic = rig.site.nics[0]
    before = rig.linux()
    move = rig.driver.claim(nic, rig.site, rig.seen())
    rig.do(move.forward)
    rig.do(move.back)
    assert rig.linux() == before
    assert move.name == f"claim {nic.name}"
    assert "\n  back: " in move.describe()


def test_a_healthy_network_os_is_not_touched(make: Callable[[Site], Rig]) -> None:
    rig = make(site_for(2))
    rig.hand_over()
    machine = rig.machine
    spent = len(machine.commands.ran)
    shallow = rig.driver.health(rig.site, machine.files, machine.commands, deep=False)
    assert len(machine.commands.ran) == spent, "a look twice a second starts no process"
    deep = rig.driver.health(rig.site, machine.files, machine.commands, deep=True)
    assert shallow.health is deep.health is Health.HEALTHY, deep.problem
    assert not any(task.steps for task in rig.driver.revive(rig.site, rig.seen(), deep))


def test_a_network_os_that_is_gone_is_said_to_be(make: Callable[[Site], Rig]) -> None:
    rig = make(site_for(2))
    rig.hand_over()
    rig.network.reboot()
    machine = rig.machine
    for deep in (False, True):
        pulse = rig.driver.health(rig.site, machine.files, machine.commands, deep=deep)
        assert pulse.health is Health.GONE
        assert pulse.problem


def test_after_its_namespace_has_died_all_is_put_right_and_handed_over_again(
    make: Callable[[Site], Rig],
) -> None:
    rig = make(site_for(3))
    rig.hand_over()
    rig.network.reboot()
    rig.link(rig.site.primary).name = "dev7"
    rig.network.show()
    rig.take_back()
    assert {name for name, _, up in rig.linux() if up} == {"eth0", "eth1", "eth2"}
    rig.hand_over()
    assert all(rig.holds(nic) for nic in rig.site.nics)


def test_a_nic_that_refuses_to_move_is_a_failure_that_says_why(make: Callable[[Site], Rig]) -> None:
    rig = make(site_for(2))
    rig.start()
    nic = rig.site.nics[0]
    rig.link(nic).stays = "Invalid argument"
    outcome = rig.machine.interpreter.apply([_task(rig.driver.claim(nic, rig.site, rig.seen()).forward)])[0]
    assert outcome.failed
    assert outcome.problem
    assert not rig.holds(nic)


def test_a_nic_that_is_nowhere_cannot_be_claimed_and_needs_no_release(make: Callable[[Site], Rig]) -> None:
    rig = make(site_for(2))
    rig.start()
    nic = rig.site.nics[0]
    rig.network.remove_nic(nic.mac)
    outcome = rig.machine.interpreter.apply([_task(rig.driver.claim(nic, rig.site, rig.seen()).forward)])[0]
    assert outcome.failed or rig.blind
    rig.release(nic)
    assert rig.blind or rig.driver.release(nic, rig.site, rig.seen()) == ()


def test_a_network_os_with_nics_is_not_stopped(make: Callable[[Site], Rig]) -> None:
    rig = make(site_for(2))
    rig.hand_over()
    outcomes = rig.machine.interpreter.apply(rig.driver.stop(rig.site, rig.seen()))
    assert any(outcome.failed for outcome in outcomes)
    assert all(rig.holds(nic) for nic in rig.site.nics)


def test_a_nic_that_is_added_later_is_handed_over_alone(make: Callable[[Site], Rig]) -> None:
    site = site_for(3)
    rig = make(replace(site, nics=site.nics[1:]))
    rig.hand_over()
    late = site.nics[0]
    rig.site = site
    rig.network.add_nic(late.name, late.mac)
    rig.claim(late)
    rig.dress(late)
    assert all(rig.holds(nic) for nic in site.nics)


@pytest.mark.parametrize("follows", [False, True])
def test_a_virtual_function_goes_with_its_nic_and_comes_back(
    make: Callable[[Site], Rig], follows: bool
) -> None:
    rig = make(site_for(2, vfs=True))
    for link in rig.network.namespaces[HOST].links:
        link.follows = link.vf and follows
    rig.hand_over()
    assert all(rig.holds(nic) and rig.holds(nic, vf=True) for nic in rig.site.nics)
    rig.take_back()
    for nic in rig.site.nics:
        place = rig.network.where(nic.mac, vf=True)
        assert place is not None
        assert place[0] == HOST


def test_a_virtual_function_that_comes_back_after_servicing_follows(make: Callable[[Site], Rig]) -> None:
    rig = make(site_for(2, vfs=True))
    rig.hand_over()
    nic = rig.site.primary
    rig.network.remove_nic(nic.mac, vf=True)
    rig.network.add_nic("enP9", nic.mac, vf=True)
    rig.claim(nic)
    assert rig.holds(nic, vf=True)
    assert rig.holds(nic)


def test_a_dead_supervisor_leaves_what_release_gives_back_whenever_it_died(
    make: Callable[[Site], Rig],
) -> None:
    whole = make(site_for(3, vfs=True))
    before = whole.linux()
    whole.hand_over()
    changes = whole.machine.battery.spent
    for point in range(changes + 1):
        rig = make(site_for(3, vfs=True))
        rig.machine.battery.left = point
        with suppress(PowerCut):
            rig.hand_over()
        rig.machine.battery.left = None
        rig.take_back()
        assert rig.linux() == before, f"after {point} changes"


def test_a_dead_supervisor_leaves_what_the_same_plan_completes_whenever_it_died(
    make: Callable[[Site], Rig],
) -> None:
    whole = make(site_for(2))
    whole.hand_over()
    wanted = state(whole)
    changes = whole.machine.battery.spent
    for point in range(changes + 1):
        rig = make(site_for(2))
        rig.machine.battery.left = point
        with suppress(PowerCut):
            rig.hand_over()
        rig.machine.battery.left = None
        rig.hand_over()
        assert state(rig) == wanted, f"after {point} changes"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 6),
    vfs=st.booleans(),
    taken=st.sets(st.sampled_from(["eth0", "eth1", "eth2", "enP0", "enP1"])),
    data=st.data(),
)
def test_any_nics_with_any_clashes_go_and_come_back(
    make: Callable[[Site], Rig], count: int, vfs: bool, taken: set[str], data: st.DataObject
) -> None:
    rig = make(site_for(count, vfs=vfs))
    before = rig.linux()
    rig.start()
    clash(rig, taken)
    order = data.draw(st.permutations(rig.site.nics))
    for nic in order:
        rig.claim(nic)
        rig.dress(nic)
    assert all(rig.holds(nic) for nic in rig.site.nics)
    for nic in data.draw(st.permutations(rig.site.nics)):
        rig.release(nic)
    assert rig.linux() == before


def clash(rig: Rig, names: set[str]) -> None:
    """Let names be taken where the NICs go, if there is such a place."""
    space = rig.network.namespaces.get(rig.site.network_os)
    for name in names if space is not None else ():
        rig.network.add_bridge(name, rig.site.network_os)


def state(rig: Rig) -> object:
    """What there is, in whatever order it came to be."""
    return {
        name: (
            sorted((link.name, link.up, link.group, tuple(link.addresses)) for link in space.links),
            sorted(map(str, space.routes)),
            sorted(map(str, space.rules)),
            space.tables,
            space.settings,
        )
        for name, space in rig.network.namespaces.items()
    }


def _task(steps: Iterable[Step]) -> Task:
    return Task(name="steps", purpose="do it", steps=tuple(steps))
