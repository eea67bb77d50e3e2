"""The status-only agent: it says what it is told to say, on both channels, and touches nothing."""

from __future__ import annotations

import pytest
from tests.scenario.appliance import Appliance, appliance, in_guest, reports_of
from tests.scenario.core import certificate
from tests.scenario.handlers import TENANT, enable

from limpet.emulator.world.goalstates import hibernate
from limpet.guest.fabric_lease import EXCHANGE, Holder
from limpet.guest.saying import SAYING
from limpet.host.reported import Accepted, note_accepted


def reporting(*, ready: str = "early") -> Appliance:
    made = appliance(ready=ready)
    made.give(Holder.STATUS_ONLY)
    made.status.turn()
    return made


def test_a_status_only_agent_repeats_what_is_known_of_handlers_and_touches_nothing() -> None:
    made = in_guest()
    made.play.host()
    made.play.publish(enable())
    made.guest.turn()
    made.revoke()
    before = dict(made.machine.files.nodes)
    made.play.runs.clear()
    made.give(Holder.STATUS_ONLY)
    made.status.turn()
    assert made.play.entry().status == "Ready"
    assert made.play.state() == "success"
    assert made.play.runs == []
    library = [path for path in made.machine.files.nodes if "waagent" in str(path)]
    assert all(made.machine.files.nodes[path] == before[path] for path in library)
    assert made.play.status.goal_state is None


def test_what_it_says_is_replaced_while_it_runs() -> None:
    made = reporting()
    made.say("rolled back: eth1 was refused", "NotReady")
    made.status.turn()
    assert (made.message, made.play.status.status) == ("rolled back: eth1 was refused", "NotReady")
    made.machine.files.replace(EXCHANGE / SAYING, b"{")
    made.status.turn()
    assert made.message == "rolled back: eth1 was refused"
    assert made.play.log.of("saying.unusable")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_it_reports_where_the_parts_of_the_goal_state_are_located_by_a_name(scheme: str) -> None:
    made = appliance(ready="early")
    made.core.name_parts(scheme)
    made.give(Holder.STATUS_ONLY)
    made.status.turn()
    assert made.play.reports == 1
    assert made.news().problem is None


def test_its_last_report_goes_although_it_says_nothing_new() -> None:
    made = reporting()
    reports, last = made.play.reports, made.news().last
    made.machine.clock.sleep(5)
    made.status.agent.last()
    assert made.play.reports == reports + 1
    assert made.news().last != last


def test_its_last_report_does_not_wait_for_a_fabric_that_is_silent() -> None:
    made = reporting()
    made.core.fail("*", endless=True)
    began = made.machine.clock.monotonic()
    made.status.agent.last()
    assert made.machine.clock.monotonic() - began < 2.0


def test_it_reports_from_time_to_time_and_observes_the_host() -> None:
    made = reporting()
    reports = made.play.reports
    end = made.machine.clock.monotonic() + 130
    while made.machine.clock.monotonic() < end:
        made.status.turn()
    assert made.play.reports - reports == 2
    assert made.core.count("health-service") == 2


def test_it_goes_on_through_outages_and_moves() -> None:
    made = reporting()
    made.core.fail("*", refused=True)
    for _ in range(60):
        made.status.turn()
    made.core.heal()
    made.core.become(hibernate(made.core.vm, certificate(TENANT)))
    made.say("rolled back")
    for _ in range(60):
        made.status.turn()
    assert made.message == "rolled back"
    assert made.news().problem is None


def test_where_ready_comes_late_the_other_channel_hears_what_is_pending_and_nobody_is_ready() -> None:
    made = reporting(ready="late")
    made.say("rolled back: eth1 was refused")
    for _ in range(20):
        made.status.turn()
    reports = reports_of(made)
    assert [each.state.value for each in reports] == ["NotReady", "NotReady"]
    assert [each.description for each in reports] == ["handover pending", "rolled back: eth1 was refused"]
    made.say("the network OS did not come up", "NotReady", health="ProvisioningFailed")
    for _ in range(20):
        made.status.turn()
    failed = reports_of(made)[-1].sub_status
    assert failed is not None
    assert failed.value == "ProvisioningFailed"


def test_where_the_fabric_knows_that_the_vm_is_ready_the_other_channel_hears_nothing() -> None:
    made = appliance()
    note_accepted(made.machine.files, Accepted(state="Ready", at=1.0, by="limpet/1"))
    made.status.owes_ready = True
    made.give(Holder.STATUS_ONLY)
    for _ in range(20):
        made.status.turn()
    assert reports_of(made) == []


def test_it_says_ready_for_a_boot_stage_that_could_not() -> None:
    made = appliance()
    made.status.owes_ready = True
    made.give(Holder.STATUS_ONLY)
    for _ in range(20):
        made.status.turn()
    assert [each.state.value for each in reports_of(made)] == ["Ready"]
    assert made.news().ready
