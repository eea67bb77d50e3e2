"""A guest shell under its supervisor, and an operator who disables, enables, destroys and upgrades it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.system import supervised
from tests.system.test_guest_shell import Shell

if TYPE_CHECKING:
    from limpet.lab.appliance.room import Parts

pytestmark = pytest.mark.system


@pytest.mark.parametrize("runtime", ["lxc", "nspawn"])
def test_an_operator_disables_it_and_a_status_only_agent_reports_until_it_is_enabled_again(
    runtime: str, appliance_parts: Parts
) -> None:
    with supervised.steady(appliance_parts, guest=f'runtime = "{runtime}"') as it:
        shell = Shell(it.made, runtime)
        shell.inside("echo kept > /var/lib/waagent/kept; echo changed > /etc/changed").checked()
        before = it.serial()
        assert "The supervisor has stopped" in shell.do("disable")
        it.await_stage("degraded")
        assert "operator" in str(it.await_report("operator has disabled", after=before))
        assert not shell.status()["running"]
        before = it.serial()
        assert "The supervisor has started" in shell.do("enable")
        it.await_stage("steady")
        it.await_guest_report(after=before)
        assert shell.inside("cat /etc/changed").checked() == "changed\n"
        shell.do("destroy")
        it.await_stage("degraded")
        shell.do("enable")
        it.await_stage("steady")
        assert shell.inside("cat /etc/changed").exit_code == 1
        assert shell.inside("cat /var/lib/waagent/kept").checked() == "kept\n"
        it.check()


def test_a_new_image_counts_when_the_fabric_has_heard_the_agent_in_it(appliance_parts: Parts) -> None:
    with supervised.steady(appliance_parts) as it:
        shell = Shell(it.made, "lxc")
        shell.do("upgrade", "/opt/guest-shell/root")
        assert shell.status()["image"]["tried"] == "a"
        before = it.serial()
        shell.do("disable")
        shell.do("enable")
        it.await_stage("steady")
        it.await_guest_report(after=before)
        it.await_shown(lambda _: shell.status()["image"]["confirmed"] == "a", "the image to be confirmed")
        assert shell.status()["image"]["tried"] is None
        it.check()
