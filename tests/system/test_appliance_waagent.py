"""The guest shell is a good home for any agent: WALinuxAgent's Debian package reports from it through the network OS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.system import supervised
from tests.system.conftest import say

from limpet.lab import waagent
from limpet.lab.appliance.room import IMAGE, prepared
from limpet.lab.appliance.sight import GUEST
from limpet.lab.clock import wait_for
from limpet.lab.recipes import WAAGENT_GUEST_SHELL

if TYPE_CHECKING:
    from tests.system.supervised import Supervised

pytestmark = pytest.mark.system

ROOT = "/var/lib/limpet/guest/volume/guest-shell/root"


def test_debians_agent_reports_status_through_the_network_os_under_supervision() -> None:
    with (
        prepared(say, guest=WAAGENT_GUEST_SHELL, agent=False) as parts,
        supervised.machine(parts, network_os="frr", nics=2, guest='agent = "other"\n') as it,
    ):
        it.start()
        it.begins()
        it.await_stage("steady")
        routes = it.made.sh(f"ip -n {GUEST} route")
        for address in ("168.63.129.16", "169.254.169.254"):
            assert f"{address} via 192.168.35.1 dev gs0" in routes
        start_waagent(it)
        report = wait_for(lambda: theirs(it), "a report of WALinuxAgent", timeout=180)
        version, sources = (
            report["status"]["guest"]["agentVersion"],
            {each["source"] for each in it.world.requests(it.name)},
        )
        it.observed(
            "other agent",
            f"WALinuxAgent {version} reports from the guest shell after {it.took(report['at'])} s, as {sources}",
        )
        assert {each["source"] for each in it.world.requests(it.name) if each["service"] != "dhcp"} == {
            "10.0.0.4"
        }
        assert it.stage() == "steady"


def theirs(it: Supervised) -> dict[str, Any] | None:
    """A report of an agent that is not limpet's."""
    reports = it.world.statuses(it.name)
    return next((each for each in reports if each["status"]["guest"]["agentVersion"].startswith("2.")), None)


def start_waagent(it: Supervised) -> None:
    """As an image that has it enabled would; the lab's tree has it disabled."""
    settings = waagent.configured(
        it.made.machine.read(f"{IMAGE}{waagent.CONFIGURATION}"), waagent.WITHOUT_A_VM
    )
    it.made.machine.write(f"{ROOT}{waagent.CONFIGURATION}", settings)
    it.made.machine.write(f"{ROOT}/etc/systemd/system/{waagent.UNIT}.d/lab.conf", waagent.DROP_IN)
    it.in_guest(f"systemctl daemon-reload; systemctl start {waagent.UNIT}")
