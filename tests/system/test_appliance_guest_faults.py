"""What goes wrong in the guest shell: F6 and F7 of network-appliance.md §8.4, provoked for real; and an operator who wants it off."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from tests.system import supervised
from tests.system.supervised import enters

from limpet.lab.appliance.sight import NOS
from limpet.lab.clock import pause

if TYPE_CHECKING:
    from tests.system.supervised import Supervised

    from limpet.lab.appliance.room import Parts

pytestmark = pytest.mark.system

LONG = "LIMPET_LONG_TESTS"
WRITTEN = "/var/lib/waagent/kept"


def dies(it: Supervised) -> float:
    """Kill its init and wait until it reports again. Gives how long that took."""
    last, before, dead = it.last(), it.serial(), it.guest()
    it.begins()
    it.made.run(["kill", "-KILL", dead]).checked()
    it.await_shown(
        lambda _: it.states(after=last)[-1:] == ["steady"] and it.guest() not in {"", dead}, "it to run"
    )
    return it.took(it.await_guest_report(after=before)["at"])


@pytest.mark.parametrize("runtime", ["lxc", "nspawn"])
def test_a_guest_shell_that_dies_again_and_again_is_built_anew_then_stood_in_for_then_comes_back(
    runtime: str, appliance_parts: Parts
) -> None:
    """F6: its init is killed, as by want of memory; its root file system is corrupt from the second time on."""
    guest = f'runtime = "{runtime}"\nfailures = 4\n'
    with supervised.steady(appliance_parts, nics=1, guest=guest) as it:
        it.in_guest(f"echo kept > {WRITTEN}; touch /root/changed")
        routes = it.made.sh(f"ip -n {NOS} route")
        it.observed("F6", f"{runtime}: init killed: reports again after {dies(it)} s")
        it.in_guest("rm -rf /usr/lib/systemd /usr/bin /usr/sbin")
        it.observed(
            "F6",
            f"{runtime}: killed, with /usr removed: built anew from the image, reports after {dies(it)} s",
        )
        assert it.in_guest(f"ls /root/changed 2>/dev/null; cat {WRITTEN}") == "kept\n"
        while it.stage() != "degraded":
            init = it.guest()
            if init:
                it.made.run(["kill", "-KILL", init])
            pause(0.2)
        told = it.await_report("keeps failing", after=0)
        failures = it.shown()["guestShell"]["restarts"]
        it.observed(
            "F6", f"{runtime}: given up after {failures} failures; stand-in: {supervised.text_of(told)}"
        )
        it.check()
        last, before = it.last(), it.serial()
        it.begins()
        it.made.run(["limpet", "appliance", "retry"]).checked()
        it.await_shown(lambda _: it.states(after=last)[-1:] == ["steady"], "it to run")
        report = it.await_guest_report(after=before)
        it.observed(
            "F6",
            f"{runtime}: `limpet appliance retry`: reports again after {it.took(report['at'])} s, state kept",
        )
        assert it.in_guest(f"cat {WRITTEN}") == "kept\n"
        assert it.made.sh(f"ip -n {NOS} route") == routes
        it.check(bundle=runtime == "lxc")


BROKEN = """
mkdir -p /var/tmp/broken/sbin /var/tmp/broken/usr/lib/systemd /var/tmp/broken/usr/bin
for file in sbin/init usr/lib/systemd/systemd usr/bin/limpet; do
    echo nothing > /var/tmp/broken/$file; chmod 755 /var/tmp/broken/$file
done
"""


def test_an_image_without_an_agent_that_can_be_led_is_never_started(appliance_parts: Parts) -> None:
    """R14."""
    with supervised.steady(appliance_parts, nics=1) as it:
        it.made.sh(f"{BROKEN}\nrm /var/tmp/broken/usr/bin/limpet")
        it.made.run(["limpet", "guestshell", "upgrade", "/var/tmp/broken"], timeout=60).checked()
        last, before = it.last(), it.serial()
        it.begins()
        it.made.run(["kill", "-KILL", it.guest()]).checked()
        report = it.await_guest_report(after=before)
        it.observed(
            "R14", f"image without limpet: the good one is started, reports after {it.took(report['at'])} s"
        )
        it.await_shown(lambda _: it.states(after=last)[-1:] == ["steady"], "steady")
        bad = json.loads(it.made.machine.read("/var/lib/limpet/guest/images/slots.json"))["bad"]
        assert "there is no limpet in the image" in " ".join(bad.values())
        assert it.states(after=last) == ["repairing", "confirming", "steady"]
        it.check()


def test_an_image_that_does_not_work_is_condemned_and_the_last_good_one_is_started(
    appliance_parts: Parts,
) -> None:
    """F6: corrupt image. And the reboot table's row of an upgrade; and a supervisor that is killed in a repair."""
    with supervised.steady(appliance_parts, nics=1) as it:
        it.made.sh(BROKEN)
        it.in_guest(f"echo kept > {WRITTEN}")
        it.made.run(["limpet", "guestshell", "upgrade", "/var/tmp/broken"], timeout=60).checked()
        last, before = it.last(), it.serial()
        it.begins()
        it.made.run(["kill", "-KILL", it.guest()]).checked()
        it.kill_at(enters("repairing"), "a repair", after=last)
        it.start()
        it.await_shown(
            lambda _: it.states(after=last)[-1:] == ["steady"] and it.guest() != "", "the good image"
        )
        report = it.await_guest_report(after=before)
        it.observed(
            "F6",
            f"image that does not start: condemned, the last good one reports after {it.took(report['at'])} s",
        )
        bad = json.loads(it.made.machine.read("/var/lib/limpet/guest/images/slots.json"))["bad"]
        assert list(bad.values()) == ["it was tried and did not work"]
        assert it.in_guest(f"cat {WRITTEN}") == "kept\n"
        assert not {"rolling-back", "rescue"} & set(it.states(after=last))
        it.made.run(["limpet", "guestshell", "upgrade", "/var/tmp/broken"], timeout=60).checked()
        it.made.power_cut()
        it.made.boot()
        last, before = it.last(), it.serial()
        it.begins()
        it.start()
        it.await_shown(lambda _: it.states(after=last)[-1:] == ["steady"], "steady after the power cut")
        report = it.await_guest_report(after=before)
        assert it.shown()["guestShell"]["restarts"] <= 5
        it.observed(
            "power cut",
            f"during an upgrade of the image: the last good one reports after {it.took(report['at'])} s",
        )
        it.check()


def test_an_agent_that_dies_is_restarted_by_its_own_service_manager(appliance_parts: Parts) -> None:
    """F6: the agent alone."""
    with supervised.steady(appliance_parts, nics=1) as it:
        last, guest, before = it.last(), it.guest(), it.serial()
        it.begins()
        it.in_guest("systemctl kill --signal=KILL limpet-agent")
        report = it.await_guest_report(after=before)
        # Where it took long, the ways were looked at.
        assert set(it.states(after=last)) <= {"confirming", "steady"}
        assert it.guest() == guest
        it.observed(
            "F6", f"agent killed: reports again after {it.took(report['at'])} s, the container is the same"
        )
        it.check()


@pytest.mark.skipif(LONG not in os.environ, reason=f"takes over two minutes: set {LONG}=1")
def test_an_agent_that_hangs_is_found(appliance_parts: Parts) -> None:
    """F6: it holds the lock, and does nothing."""
    with supervised.steady(appliance_parts, nics=1) as it:
        last, before = it.last(), it.serial()
        it.begins()
        it.in_guest("systemctl kill --signal=STOP limpet-agent")
        it.await_shown(lambda _: it.states(after=last)[-1:] == ["steady"], "it to be found", timeout=160)
        report = it.await_guest_report(after=before)
        it.observed(
            "F6", f"agent stopped (SIGSTOP): found and restarted, reports after {it.took(report['at'])} s"
        )
        it.check()


def test_a_full_volume_does_not_stop_reports(appliance_parts: Parts) -> None:
    """F7."""
    with supervised.steady(appliance_parts, nics=1, guest="disk = 64\n") as it:
        last = it.last()
        it.begins()
        it.in_guest(
            "dd if=/dev/zero of=/var/lib/waagent/much bs=64k count=1000000 2>/dev/null; sync", timeout=120
        )
        room = it.in_guest("df --output=avail /var/lib/waagent | tail -n 1").strip()
        before = it.serial()
        it.world.publish(it.name)
        report = it.await_guest_report(after=before)
        it.observed(
            "F7",
            f"the guest fills its volume (free: {room} KiB): a new goal state is answered at {it.took(report['at'])} s",
        )
        assert not {"rolling-back", "rescue"} & set(it.states(after=last))
        it.check()


def test_a_full_disk_of_the_host_stops_neither_reports_nor_the_supervisor(appliance_parts: Parts) -> None:
    """F7: nothing can be written any more, not even the journal."""
    with supervised.steady(appliance_parts, nics=1, volume=96 * 1024 * 1024) as it:
        last, guest = it.last(), it.guest()
        it.begins()
        it.made.run(
            [
                "sh",
                "-c",
                "dd if=/dev/zero of=/var/lib/limpet/much bs=64k; dd if=/dev/zero of=/var/lib/limpet/more bs=1; sync",
            ],
            timeout=120,
        )
        before = it.serial()
        it.world.publish(it.name)
        report = it.await_guest_report(after=before)
        it.observed(
            "F7", f"the host's data volume full: a new goal state is answered at {it.took(report['at'])} s"
        )
        it.made.run(["kill", "-KILL", guest]).checked()
        pause(3)
        assert it.runs()
        it.made.sh("rm /var/lib/limpet/much /var/lib/limpet/more")
        it.begins()
        it.await_shown(
            lambda _: it.stage() == "steady" and it.guest() not in {"", guest}, "the guest to be back"
        )
        report = it.await_guest_report(after=before + 1)
        it.observed("F7", f"guest killed meanwhile; room again: it reports after {it.took(report['at'])} s")
        assert not {"rolling-back", "rescue"} & set(it.states(after=last))
        it.check()


def test_an_operator_stops_the_guest_shell_and_starts_it_again(appliance_parts: Parts) -> None:
    with supervised.steady(appliance_parts, nics=1) as it:
        it.in_guest(f"echo kept > {WRITTEN}; touch /root/changed")
        routes, before = it.made.sh(f"ip -n {NOS} route"), it.serial()
        it.begins()
        it.made.run(["limpet", "guestshell", "disable"], timeout=120).checked()
        assert not it.guest()
        told = it.await_report("an operator has disabled the guest shell", after=before)
        it.observed(
            "guestshell disable", f"reported after {it.took(told['at'])} s: {supervised.text_of(told)}"
        )
        assert it.stage() == "degraded"
        it.kill()
        it.start()
        it.await_shown(lambda _: it.states()[-1] == "degraded", "the supervisor to heed it still")
        assert not it.guest()
        before = it.serial()
        it.begins()
        it.made.run(["limpet", "guestshell", "enable"], timeout=120).checked()
        report = it.await_guest_report(after=before)
        it.observed("guestshell enable", f"guest shell reports after {it.took(report['at'])} s")
        it.await_stage("steady")
        assert it.shown()["problem"] is None
        assert it.in_guest(f"cat {WRITTEN}; ls /root/changed") == "kept\n/root/changed\n"
        assert it.made.sh(f"ip -n {NOS} route") == routes
        it.check()
        assert json.loads(it.made.run(["limpet", "show", "--json"]).checked())["stage"] == "steady"
