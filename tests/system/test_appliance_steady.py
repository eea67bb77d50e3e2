"""What happens to an appliance that is steady: nothing of it moves, talks twice or is provisioned again without need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.system import supervised

if TYPE_CHECKING:
    from limpet.lab.appliance.room import Parts

pytestmark = pytest.mark.system


def test_a_supervisor_that_stops_and_starts_again_changes_nothing(appliance_parts: Parts) -> None:
    with supervised.steady(appliance_parts, network_os="frr", nics=2) as it:
        owners, guest = it.made.owners(), it.guest()
        it.stop()
        assert it.stage() == "stopped"
        before = it.serial()
        it.await_guest_report(after=before - 1)
        last = it.last()
        it.start()
        it.await_stage("steady")
        assert it.states(after=last) == ["steady"]
        assert not [each for each in it.journal() if each.number > last and each.kind in {"move", "grant"}]
        assert (it.made.owners(), it.guest()) == (owners, guest)
        last = it.last()
        it.kill()
        it.start()
        it.await_shown(lambda _: it.states(after=last) == ["steady"], "steady again")
        assert (it.made.owners(), it.guest()) == (owners, guest)
        it.check(bundle=True)


@pytest.mark.parametrize("runtime", ["lxc", "nspawn"])
def test_a_reboot_while_the_service_is_stopped_by_hand_ends_the_guest_shell_in_order(
    appliance_parts: Parts, runtime: str
) -> None:
    with supervised.steady(appliance_parts, guest=f'runtime = "{runtime}"') as it:
        it.stop()
        it.start()
        it.await_stage("steady")
        it.stop()
        it.in_guest("true")
        it.made.reboot()  # else systemd would wait for 90 seconds, which this does not
        last = it.last()
        it.begins()
        it.start()
        it.await_stage("steady")
        assert it.states(after=last) == ["booting", "preparing", "handing-over", "confirming", "steady"]


def test_a_reboot_brings_it_back_without_provisioning_again(appliance_parts: Parts) -> None:
    with supervised.steady(appliance_parts, nics=2) as it:
        it.made.reboot()
        last, before = it.last(), it.serial()
        it.begins()
        it.start()
        it.await_stage("steady")
        assert it.states(after=last) == ["booting", "preparing", "handing-over", "confirming", "steady"]
        report = it.await_guest_report(after=before)
        it.observed("reboot in steady", f"steady again {it.took(report['at'])} s after its start")
        it.check()
