"""An appliance becomes an image, and a copy of it another appliance: `limpet deprovision` in the steady state."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from tests.system import supervised

from limpet.lab.appliance.sight import NOS
from limpet.lab.clock import wait_for
from limpet.lab.provisioning.media import disc

if TYPE_CHECKING:
    from limpet.lab.appliance.room import Parts

pytestmark = pytest.mark.system

ANOTHER_VM = "0fc0ffee-1234-4567-89ab-0123456789ab"
FRR, OWN = "/etc/frr/limpet-nos/frr.conf", "! the image's own\nip route 10.90.0.0/16 Null0\n"
FIRST, SECOND = "ip route 10.91.0.0/16 Null0\n", "ip route 10.92.0.0/16 Null0\n"
ACCOUNT = {**supervised.ACCOUNT, "customData": b64encode(FIRST.encode()).decode()}


def deprovision(it: supervised.Supervised, *options: str) -> dict[str, Any]:
    done = it.made.run(["limpet", "deprovision", "--user", "--json", *options], timeout=240)
    said: dict[str, Any] = json.loads(done.stdout)
    assert done.exit_code == 0, said
    return said


def test_a_steady_appliance_becomes_an_image_and_a_copy_of_it_hands_over_as_a_new_one(
    appliance_parts: Parts,
) -> None:
    with supervised.machine(appliance_parts, network_os="frr", nics=2, account=ACCOUNT) as it:
        it.made.machine.write(FRR, OWN)
        it.start()
        it.await_stage("steady")
        it.await_guest_report(after=0)
        it.in_guest("echo secret > /var/lib/waagent/kept; touch /root/changed")
        assert it.made.machine.read(FRR) == FIRST

        planned = deprovision(it, "--dry-run")
        steps = [step for task in planned["plan"] for step in task["steps"]]
        assert "run limpet guestshell destroy --all" in steps
        assert f"copy {FRR.replace('frr.conf', 'limpet-original.conf')} to {FRR}" in steps
        assert it.stage() == "steady"

        said = deprovision(it, "--force")
        assert [each for each in said["outcomes"] if each["state"] not in {"done", "unchanged"}] == []
        assert not it.runs()
        assert set(it.made.owners().values()) == {NOS}, "whoever does it may be connected through it"
        assert it.made.machine.read(FRR) == OWN
        left = it.made.sh(
            "find /var/lib/limpet -mindepth 1 -not -path '*/images*' -not -path '*/guest/share*'"
        )
        assert left == "/var/lib/limpet/guest\n"
        assert (
            it.made.sh("grep ' /var/lib/limpet/guest/' /proc/self/mountinfo | grep -cv /guest/share || true")
            == "0\n"
        )
        found = it.made.run(["grep", "-rlsF", "10.91.0.0", "/etc", "/var/lib", "/var/log", "/root", "/home"])
        assert found.stdout == ""
        again = deprovision(it, "--force")
        assert not [
            each for each in again["outcomes"] if "network-os" in each["task"] or "guest" in each["task"]
        ]

        image = it.made.room.workspace.folder / "second.iso"
        words = it.made.room.workspace.folder / "second.conf"
        words.write_text(SECOND, encoding="utf-8")
        options = ("--host-name", "router-2", "--user-name", "grace", "--custom-data", str(words))
        with disc(image, *options, password="another-secret-5") as drive:
            it.made.become(ANOTHER_VM, drive=drive)
            before = it.serial()
            it.made.reboot()
            it.start()
            it.await_stage("steady")
            it.await_guest_report(after=before)
        assert it.states() == ["booting", "preparing", "handing-over", "confirming", "steady"]
        assert it.shown()["vmId"] == ANOTHER_VM
        assert it.made.machine.read(FRR) == SECOND
        users = it.made.sh("getent passwd ada grace | cut -d: -f1; hostname")
        assert users.split() == ["grace", "router-2"]
        routes = "ip route show"
        wait_for(lambda: "10.92.0.0/16" in it.made.sh(routes, namespace=NOS), "FRR's route", timeout=60)
        assert "10.91.0.0/16" not in it.made.sh(routes, namespace=NOS)
        assert it.in_guest("ls /var/lib/waagent/kept /root/changed 2>/dev/null") == ""
        it.check_reachable()
        it.made.machine.kill()  # before its disc goes


def test_a_supervisor_that_is_no_service_is_not_deprovisioned_under_its_feet(appliance_parts: Parts) -> None:
    with supervised.machine(appliance_parts, nics=1) as it:
        it.made.sh("systemd-run --quiet --unit=by-hand --property=KillMode=process limpet appliance run")
        it.await_stage("steady")
        done = it.made.run(["limpet", "deprovision", "--force"], timeout=240)
        assert done.exit_code == 1
        assert "limpet appliance, process " in done.stderr
        assert "end it, and run this again" in done.stderr
        assert it.stage() == "steady"
        assert it.made.run(["ls", "/var/lib/waagent/ovf-env.xml"]).exit_code == 0
