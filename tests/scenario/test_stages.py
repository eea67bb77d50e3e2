"""The stages of an appliance and the fabric lease between them: never two at once, nothing lost, and the status says who speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.scenario.appliance import Appliance, appliance, in_guest, reports_of
from tests.scenario.core import certificate
from tests.scenario.handlers import SAMPLE, TENANT, enable, uninstall

from limpet.emulator.world.goalstates import hibernate, rotate_certificates
from limpet.guest.fabric_lease import Holder

if TYPE_CHECKING:
    from collections.abc import Callable


ACCESS = "Microsoft.OSTCExtensions.VMAccessForLinux"
OTHER = "Contoso.Other"


def live(made: Appliance, seconds: float) -> None:
    end = made.machine.clock.monotonic() + seconds
    while made.machine.clock.monotonic() < end:
        made.guest.turn()


def test_a_guest_shells_status_names_the_stage() -> None:
    made = in_guest()
    made.guest.turn()
    assert made.message == "guest shell: Guest Agent is running"
    news = made.news()
    assert (news.epoch, news.goal_state, news.problem) == (2, "incarnation 1", None)
    assert news.first is not None
    assert news.container_id == made.core.vm.identity.container_id


def test_what_was_published_while_the_agent_was_parked_is_done_at_once_after_the_grant() -> None:
    made = appliance()
    made.play.host()
    made.give(Holder.NOBODY)
    for number in range(3):
        made.machine.clock.sleep(4000.0)
        made.play.publish(enable(public={"number": number}))
    assert made.talked == []
    made.give(Holder.GUEST_SHELL)
    made.guest.turn()
    assert made.play.state() == "success"
    assert made.play.played == ["Sample-1.0.0 install", "Sample-1.0.0 enable"]
    assert not made.play.log.of("host_plugin.unusable")


def test_being_parked_for_long_is_not_told_as_a_host_plugin_that_is_ill() -> None:
    made = appliance()
    made.give(Holder.NOBODY)
    made.machine.clock.sleep(100_000.0)
    made.core.fail("host-plugin-health", status=500)
    made.give(Holder.GUEST_SHELL)
    live(made, 70)
    observed = [each.value for each in made.core.vm.inbox.observations.items]
    assert observed
    assert all(each.healthy for each in observed)


def test_what_a_status_only_agent_says_begins_and_ends_with_its_lease() -> None:
    made = appliance()
    made.give(Holder.STATUS_ONLY)
    made.status.turn()
    assert made.message == "handover pending"
    made.give(Holder.GUEST_SHELL)
    assert made.status.exit_code == 4
    made.guest.turn()
    assert made.message == "guest shell: Guest Agent is running"
    assert made.news().epoch == made.grant.epoch  # type: ignore[union-attr]


def test_an_outage_of_half_a_minute_ends_nothing_and_is_told() -> None:
    made = in_guest()
    made.guest.turn()
    made.core.fail("*", refused=True)
    live(made, 30)
    assert made.guest.going
    assert made.news().problem
    made.core.heal()
    reports = made.play.reports
    made.play.host()
    made.play.publish(enable())
    live(made, 30)
    assert made.play.reports > reports
    assert made.play.state() == "success"
    assert made.news().problem is None


@pytest.mark.parametrize("step", [86_400.0 * 400, -86_400.0 * 400])
def test_a_clock_that_jumps_changes_nothing_but_dates(step: float) -> None:
    made = in_guest()
    made.guest.turn()
    made.machine.clock.step(step)
    made.play.host()
    made.play.publish(enable())
    live(made, 10)
    assert made.play.state() == "success"
    assert made.guest.going


def test_a_vm_that_was_moved_goes_on_under_its_new_name() -> None:
    made = in_guest()
    made.guest.turn()
    before = made.news().container_id
    made.core.become(hibernate(made.core.vm, certificate(TENANT)))
    reports = made.play.reports
    live(made, 70)
    assert made.play.reports > reports
    assert made.news().container_id == made.core.vm.identity.container_id != before


def test_a_rotated_certificate_is_fetched_and_used() -> None:
    made = in_guest()
    made.guest.turn()
    new = "B" * 40
    made.core.become(rotate_certificates(made.core.vm, certificate(new), retire=True))
    made.play.host()
    made.play.publish(enable(protected="MII=", thumbprint=new))
    live(made, 10)
    assert made.play.state() == "success"


def test_certificates_for_somebody_else_are_said_in_the_status_and_asked_for_seldom() -> None:
    made = in_guest()
    made.core.sealer.recipient = "somebody else"
    made.core.become(rotate_certificates(made.core.vm, certificate("B" * 40), retire=True))
    made.play.publish(anew=True)
    live(made, 90)
    assert made.core.count("certificates") <= 6
    assert "the certificates cannot be had" in made.message
    assert "certificates" in str(made.news().problem)
    made.core.sealer.recipient = None
    live(made, 90)
    assert made.message == "guest shell: Guest Agent is running"


@pytest.mark.parametrize("status", [401, 403])
def test_a_platform_that_refuses_everything_is_recognised_and_named(status: int) -> None:
    made = in_guest()
    made.guest.turn()
    for endpoint in ("goal-state", "extensions-config", "certificates", "telemetry", "health-service"):
        made.core.fail(endpoint, status=status)
    live(made, 240)
    assert "Metadata Security Protocol" in str(made.news().problem)
    assert "the wire server refuses every request" in made.message
    assert len(made.play.log.of("fabric.refuses_all")) == 1
    made.core.heal()
    live(made, 60)
    assert made.news().problem is None
    assert made.message == "guest shell: Guest Agent is running"


def test_a_fabric_that_is_busy_for_a_moment_is_not_taken_for_one_that_refuses() -> None:
    made = in_guest()
    made.guest.turn()
    made.core.fail("goal-state", 6, status=403)
    live(made, 60)
    assert not made.play.log.of("fabric.refuses_all")


def test_ready_is_said_once_where_nobody_has() -> None:
    made = in_guest(owed=True)
    live(made, 30)
    assert [report.state.value for report in reports_of(made)] == ["Ready"]
    assert made.news().ready
    made.give(Holder.GUEST_SHELL)
    live(made, 30)
    assert len(reports_of(made)) == 1


def test_ready_is_tried_until_it_is_taken() -> None:
    made = appliance(owed=True)
    made.core.fail("health", 3, status=503)
    made.give(Holder.GUEST_SHELL)
    live(made, 60)
    assert len(reports_of(made)) == 1


def test_what_acts_on_the_machine_is_refused_at_once_and_so_is_what_depends_on_it() -> None:
    made = in_guest()
    made.play.host(ACCESS)
    made.play.host(OTHER)
    made.play.publish(enable(ACCESS, dependency_level=1), enable(OTHER, dependency_level=2))
    began = made.machine.clock.monotonic()
    made.guest.turn()
    assert made.machine.clock.monotonic() - began < 10
    assert made.play.entry(ACCESS).status == "NotReady"
    assert made.play.entry(ACCESS).code != 0
    assert "network OS's own commands" in made.play.message(ACCESS)
    assert made.play.state(ACCESS) == "error"
    assert made.play.message(OTHER).startswith(f"Skipped because {ACCESS}")
    assert made.play.played == []


def test_what_is_refused_can_be_taken_away() -> None:
    made = in_guest()
    made.play.host(ACCESS)
    made.play.publish(enable(ACCESS))
    made.guest.turn()
    made.play.publish(uninstall(ACCESS))
    live(made, 10)
    assert made.play.entries(ACCESS) == []


def test_what_was_installed_before_it_was_refused_is_still_uninstalled_by_its_own_commands() -> None:
    made = appliance()
    made.config["allowed_extensions"] = (ACCESS,)
    made.give(Holder.GUEST_SHELL)
    made.play.host(ACCESS)
    made.play.publish(enable(ACCESS))
    made.guest.turn()
    assert made.play.entry(ACCESS).status == "Ready"
    made.config.clear()
    made.give(Holder.GUEST_SHELL)
    made.play.runs.clear()
    made.play.publish(uninstall(ACCESS))
    live(made, 10)
    assert [run.operation for run in made.play.runs] == ["disable", "uninstall"]


def test_every_extension_of_a_refused_handler_is_answered() -> None:
    made = in_guest()
    made.play.host(ACCESS, supportsMultipleExtensions=True)
    made.play.publish(enable(ACCESS, extension="x"), enable(ACCESS, extension="y"))
    made.guest.turn()
    assert {made.play.state(ACCESS, name) for name in "xy"} == {"error"}


if TYPE_CHECKING:
    Act = Callable[[Appliance], object]


def in_the_middle(holder: Holder, after: int) -> Act:
    """The supervisor grants anew while an exchange goes on, the number `after` from now."""

    def act(made: Appliance) -> None:
        left = [after]

        def meanwhile() -> None:
            left[0] -= 1
            if left[0] == 0:
                made.write(Holder.NOBODY)

        made.before = meanwhile
        for side in made.sides:
            side.turn()
        made.before = lambda: None
        made.give(holder)

    return act


holders = st.sampled_from((Holder.GUEST_SHELL, Holder.STATUS_ONLY, Holder.NOBODY, Holder.BOOT))
acts: st.SearchStrategy[Act] = st.one_of(
    holders.map(lambda holder: lambda made: made.give(holder)),
    st.builds(in_the_middle, holders, st.integers(1, 6)),
    st.just(lambda made: [side.turn() for side in made.sides]),
    st.just(lambda made: [side.turn() for side in reversed(made.sides)]),
    st.just(lambda made: made.guest.killed()),
    st.just(lambda made: [side.start() for side in made.sides]),
    st.integers(0, 9).map(lambda number: lambda made: made.play.publish(enable(public={"n": number}))),
    st.sampled_from((1.0, 10.0, 100.0)).map(lambda seconds: lambda made: made.machine.clock.sleep(seconds)),
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(happenings=st.lists(acts, max_size=30))
def test_whatever_is_granted_and_when_only_the_holder_talks_under_each_epoch(happenings: list[Act]) -> None:
    made = appliance()
    made.play.host()
    for happen in happenings:
        happen(made)
    made.give(Holder.GUEST_SHELL)
    made.play.publish(enable(public={"last": True}))
    live(made, 30)
    assert made.play.state(SAMPLE) == "success"
    assert made.grant is not None
    assert made.news().epoch == made.grant.epoch
    by_epoch: dict[int, set[Holder]] = {}
    for who, epoch, grant in made.talked:
        assert grant is not None
        assert (grant.holder, grant.epoch) == (who, epoch)
        by_epoch.setdefault(grant.epoch, set()).add(who)
    assert all(len(each) == 1 for each in by_epoch.values())
