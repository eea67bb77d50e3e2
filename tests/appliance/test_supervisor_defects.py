"""Full disks, defects, what is said, late Ready and storms of news: the supervisor on a machine in memory."""

from __future__ import annotations

import json
from ipaddress import IPv4Interface
from itertools import pairwise

import pytest
from tests.appliance.simulation.looking import appliance, flows, shown, steady, visited
from tests.appliance.simulation.networks import NOS
from tests.appliance.simulation.real_stages import RealStages
from tests.appliance.simulation.secret import SECRET
from tests.appliance.simulation.world import PRIMARY, World

from limpet.appliance.journal import COMPACT_FROM, parse_journal
from limpet.appliance.phases.returning import LONGEST_PAUSE
from limpet.appliance.states import State
from limpet.guest.fabric_lease import EXCHANGE, Holder
from limpet.guest.saying import SAYING, parse_saying

# disks, defects


def test_a_full_disk_takes_nothing_from_a_handover_and_the_journal_is_written_when_there_is_room(
    world: World,
) -> None:
    world.live(0.5)
    world.journal.full = world.machine.files.full = True
    world.machine.files.full = False
    world.reach(State.STEADY)
    world.program.daemon = False
    world.networks.vanish(NOS)
    world.live(3.0)
    assert world.fabric.taken[-1].holder is Holder.STATUS_ONLY
    world.reach(State.STEADY)
    assert world.log.of("journal.unwritable")
    assert world.records == 0
    world.journal.full = False
    world.live(3.0)
    assert parse_journal(world.journal.content)[0][-1].number == appliance(world).journal.records[-1].number
    flows(world)


def test_a_journal_that_is_lost_while_the_network_os_has_the_nics_cuts_nobody_off(world: World) -> None:
    steady(world)
    world.kill_supervisor()
    world.journal.content = b""
    world.live(3.0)
    assert visited(world)[0] is State.ROLLING_BACK
    world.reach(State.STEADY)
    flows(world)


@pytest.mark.parametrize(
    "verb", ["start", "claim", "release", "dress", "protect", "health", "revive", "stop"]
)
@pytest.mark.parametrize("times", [1, 1000])
def test_a_bug_of_a_driver_ends_no_supervisor_and_cuts_nobody_off(
    world: World, verb: str, times: int
) -> None:
    steady(world)
    world.network_os.defect[verb] = times
    world.program.daemon = False
    world.live(60.0)
    world.networks.vanish(NOS)
    world.live(900.0)
    flows(world, within=700.0)
    assert world.supervisors == 1


@pytest.mark.parametrize("verb", ["look", "prepare", "start", "stop", "reset"])
def test_a_bug_of_a_runtime_ends_no_supervisor_and_cuts_nobody_off(world: World, verb: str) -> None:
    world.runtime.defect[verb] = 1000
    world.live(300.0)
    flows(world, within=900.0)
    world.containers.die("killed")
    world.live(300.0)
    flows(world, within=900.0)
    assert world.supervisors == 1


def test_the_same_defect_is_logged_once_a_minute_only(world: World) -> None:
    world.network_os.defect["health"] = 1 << 30
    world.live(300.0)
    assert 1 <= len(world.log.of("appliance.defect")) <= 40


def test_a_journal_stays_small_however_much_happens_and_still_says_everything(world: World) -> None:
    steady(world)
    for _ in range(400):
        world.program.daemon = False
        world.live(2.0)
    before = appliance(world).chronicle
    assert len(world.journal.content) < 2 * COMPACT_FROM
    world.kill_supervisor()
    world.live(4.0)
    after = appliance(world).chronicle
    assert (after.nics, after.leases, after.instance, after.vm_id) == (
        before.nics,
        before.leases,
        before.instance,
        before.vm_id,
    )


# what is said


def test_what_is_reported_and_shown_names_the_stage_and_no_secret(world: World) -> None:
    steady(world)
    world.containers.dies = 1000
    world.containers.die(f"fetching https://x.example/?{SECRET} failed")
    world.reach(State.DEGRADED)
    world.live(5.0)
    flows(world)
    said = world.fabric.taken[-1].text
    assert State.DEGRADED.words in said
    assert SECRET not in said
    assert SECRET.encode() not in world.journal.content
    assert SECRET not in json.dumps(shown(world))


def test_before_the_handover_the_status_says_that_it_is_pending(world: World) -> None:
    world.containers.mute = 1
    world.reach(State.PREPARING)
    world.live(5.0)
    assert world.fabric.taken[-1].text == State.PREPARING.words
    assert world.fabric.taken[-1].state == "Ready"


def test_a_status_only_agent_that_dies_is_started_again_wherever_one_is_needed(world: World) -> None:
    world.program.refuses[f"claim {PRIMARY}"] = 1000
    world.setting(attempts=1)
    world.reach(State.RESCUE)
    for _ in range(3):
        world.live(10.0)
        for child in world.children.started:
            child.kill()
        flows(world, within=20.0)


@pytest.mark.parametrize(("overdue", "health"), [("not-ready", "ProvisioningFailed"), ("degraded", "Ready")])
def test_with_ready_late_the_platform_is_told_after_the_deadline_that_it_is_not_and_why(
    overdue: str, health: str
) -> None:
    world = World(late=True)
    try:
        world.setting(
            ready="late", ready_deadline=1100.0, attempts=2, overdue=overdue
        )  # the fake's uptime begins at 1000 s
        world.program.refuses[f"claim {PRIMARY}"] = 1000
        world.live(60.0)

        def said() -> str | None:
            return parse_saying(world.machine.files.read(EXCHANGE / SAYING, at_most=65536)).health

        assert said() is None
        world.live(60.0)
        assert said() == health
        assert "refused" in world.fabric.taken[-1].text
        assert "not ready within" in world.fabric.taken[-1].text
    finally:
        world.close()


def test_with_ready_early_no_deadline_counts(world: World) -> None:
    world.setting(ready_deadline=1001.0, attempts=1)
    world.program.refuses[f"claim {PRIMARY}"] = 1000
    world.live(120.0)
    assert parse_saying(world.machine.files.read(EXCHANGE / SAYING, at_most=65536)).health is None


def test_a_storm_of_link_news_starts_no_storm_of_processes(world: World) -> None:
    steady(world)
    before = len(world.machine.commands.ran)
    for at in range(2000):
        world.time.after(at * 0.005, lambda: world.surroundings.waiting.add("link"))
    world.live(10.0)
    assert len(world.machine.commands.ran) - before < 100


def test_in_steady_no_process_is_started_twice_a_second(world: World) -> None:
    steady(world)
    world.live(30.0)
    before, children = len(world.machine.commands.ran), len(world.children.started)
    world.live(60.0)
    assert len(world.machine.commands.ran) - before <= 12
    assert len(world.children.started) - children <= 4


def test_a_lease_that_changes_in_a_rescue_is_followed(world: World) -> None:
    world.setting(attempts=1)
    world.program.refuses[f"claim {PRIMARY}"] = 1000
    world.reach(State.RESCUE)
    world.fabric.leases[PRIMARY] = IPv4Interface("10.99.0.8/24")
    world.live(310.0)
    found = world.networks.where(PRIMARY)
    assert found is not None
    assert found[1].addresses == [IPv4Interface("10.99.0.8/24")]
    flows(world)


def test_a_saved_lease_of_another_time_does_not_hide_the_new_one_from_the_real_boot_stage(
    world: World,
) -> None:
    RealStages(world)
    world.program.refuses[f"claim {PRIMARY}"] = 1
    world.program.slow["release"] = 1.0
    world.reach(State.ROLLING_BACK)
    world.power_off()
    world.fabric.leases[PRIMARY] = IPv4Interface("10.99.0.8/24")
    world.power_on()
    world.reach(State.STEADY, within=120.0)
    assert world.fabric.way("limpet-guest") is None


@pytest.mark.parametrize("state", [State.RESCUE, State.DEGRADED])
def test_a_storm_of_link_news_is_no_storm_in_a_rescue_either(world: World, state: State) -> None:
    world.setting(attempts=1)
    if state is State.RESCUE:
        world.program.refuses[f"claim {PRIMARY}"] = 1000
    else:
        world.containers.dies = 1000
    world.reach(state)
    world.live(2.0)
    before = len(world.machine.commands.ran)
    for at in range(2000):
        world.time.after(at * 0.005, lambda: world.surroundings.waiting.add("link"))
    world.live(10.0)
    assert len(world.machine.commands.ran) - before < 150


def test_a_rescue_that_lasts_starts_few_processes(world: World) -> None:
    world.setting(attempts=1)
    world.program.refuses[f"claim {PRIMARY}"] = 1000
    world.reach(State.RESCUE)
    world.live(60.0)
    before = len(world.machine.commands.ran)
    world.live(60.0)
    assert len(world.machine.commands.ran) - before <= 15


def test_a_wish_of_another_time_is_forgotten(world: World) -> None:
    steady(world)
    world.wish("retry")
    world.live(2.0)
    world.setting(attempts=1)
    world.kill_supervisor()
    world.live(3.0)
    assert appliance(world).wishes == set()


def test_why_the_boot_stage_failed_is_said_in_its_own_words(world: World) -> None:
    quick = world.boot_program
    world.boot_program = lambda _world, child: child.end(1, b"failed: there is no place for ada\n  VM x\n")
    world.reach(State.RESCUE)
    assert shown(world)["problem"] == "the boot stage failed: there is no place for ada"
    world.boot_program = quick
    world.reach(State.STEADY)
    flows(world)


def test_a_boot_stage_that_keeps_failing_is_tried_again_with_growing_pauses_and_a_cap(world: World) -> None:
    quick = world.boot_program
    world.boot_program = lambda _world, child: child.end(1, b"failed: there is no place for ada\n")
    world.live(4000.0)
    tries = [at for at, state in world.states if state is State.BOOTING]
    pauses = [after - before for before, after in pairwise(tries)]
    growing = pauses[: pauses.index(max(pauses)) + 1]
    assert all(after > 1.5 * before for before, after in pairwise(growing[:-1]))
    assert pauses[0] < 2 * world.config.retry_pause
    assert LONGEST_PAUSE <= max(pauses) < LONGEST_PAUSE + 10.0
    assert pauses[-1] >= LONGEST_PAUSE
    world.boot_program = quick
    world.wish("retry")
    world.reach(State.STEADY, within=60.0)
    flows(world)
