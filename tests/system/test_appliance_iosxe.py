"""Day 0 of a router with IOS XE on a whole appliance: from the provisioning disc to its flash, and to what the guest shell is to do."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from tests.system import supervised
from tests.system.test_guest_shell import Shell
from tests.system.test_hooks_handover import SAMPLE

from limpet.appliance.guest.contract import STORE
from limpet.appliance.guest.wanted import WANTED
from limpet.lab.clock import wait_for

if TYPE_CHECKING:
    from limpet.lab.appliance.room import Parts

pytestmark = pytest.mark.system

CUSTOM_DATA = """\
Section: License
TechPackage:ax
Section: Scripts
file:///usr/bin/env touch /var/lib/waagent/first '/var/lib/waagent/two words'
Section: IOS configuration
interface GigabitEthernet2
 ip address dhcp
end
"""


def test_custom_data_reaches_the_router_and_the_guest_shell_once(appliance_parts: Parts) -> None:
    account = {**supervised.ACCOUNT, "customData": b64encode(CUSTOM_DATA.encode()).decode()}
    with supervised.machine(appliance_parts, network_os="iosxe", nics=2, account=account) as it:
        # As an image may have it; the scripts of the custom data need it on.
        it.made.machine.write(str(STORE / WANTED), '{"version": 1, "state": "disabled"}')
        it.start()
        it.await_stage("steady")
        it.await_guest_report(after=0)
        it.remember()
        shell = Shell(it.made, "lxc")
        lines = it.made.machine.read("/bootflash/iosxe_config.txt").splitlines()
        assert "hostname router-1" in lines
        assert "ip route vrf GS 0.0.0.0 0.0.0.0 GigabitEthernet1 10.0.0.1 global" in lines
        assert "license boot level ax" in lines
        assert "ip local policy route-map GS_PROBES" in lines
        assert " set ip next-hop 10.0.1.1" in lines, "the lease of the other NIC was asked for"
        assert lines[-1] == "end"
        assert lines.count("end") == 1
        wait_for(
            lambda: it.made.machine.path("/var/lib/limpet/guest-jobs").exists(),
            "the scripts to have run",
            timeout=120,
        )
        assert "two words" in shell.inside("ls /var/lib/waagent").checked()
        shell.inside("rm /var/lib/waagent/first").checked()
        it.made.reboot()
        it.start()
        it.await_stage("steady")
        it.await_guest_report(after=it.serial() - 1)
        assert "first" not in shell.inside("ls /var/lib/waagent").checked()
        said = it.made.machine.read("/var/log/limpet-iosxe.log")
        assert "2 lines of custom data" in said
        assert "the guest shell was disabled, and is enabled" in said
        assert "has no lease" not in said
        assert "the lease of GigabitEthernet2 names no gateway" in said
        assert supervised.PASSWORD not in said
        it.check()


def test_a_router_without_commands_is_waited_for_until_its_loader_has_done(appliance_parts: Parts) -> None:
    settings = 'programs = "/opt/acme/hooks"'
    with supervised.machine(appliance_parts, network_os="iosxe", nics=2, settings=settings) as it:
        for path in SAMPLE.rglob("*"):
            if path.is_file() and path.name != "command":
                mode = path.stat().st_mode & 0o777
                it.made.machine.write(f"/opt/acme/{path.relative_to(SAMPLE)}", path.read_bytes(), mode=mode)
        it.start()
        it.await_stage("handing-over")
        wait_for(
            lambda: "iosxe.wait" in it.made.sh("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"),
            "it to be waited for",
            timeout=120,
        )
        assert it.stage() == "handing-over"
        it.made.machine.write("/bootflash/cvac.log", "%CVAC-4-CONFIG_DONE: configuration generated\n")
        it.await_stage("steady")
        it.await_guest_report(after=0)
        assert "rolling-back" not in it.states()
