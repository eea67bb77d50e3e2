"""What comes while nobody reports, and who may not talk at all: F9, F10, F13 and F14 of network-appliance.md §8.4, provoked for real."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.system import supervised
from tests.system.life import HANDLER
from tests.system.supervised import PROTECTED, STATE, Supervised, moves

from limpet.lab.clock import pause, wait_for
from limpet.lab.packages import package_of

if TYPE_CHECKING:
    from limpet.lab.appliance.room import Parts

pytestmark = pytest.mark.system

COMMANDS = f"{STATE}/log/azure/{HANDLER}/commands"
ANOTHER_VM = "0fc0ffee-1234-4567-89ab-0123456789ab"


def host_witness(it: Supervised) -> None:
    it.world.host(package_of(Path(__file__).parent / "witness"), name=HANDLER, version="1.0.0")


def publish_witness(it: Supervised, greeting: str) -> dict[str, Any]:
    change = {"handler": HANDLER, "version": "1.0.0", "public": {"greeting": greeting}}
    found: dict[str, Any] = it.world.publish(it.name, {**change, "protected": {"secret": PROTECTED}})
    return found


def await_witness(it: Supervised, greeting: str) -> None:
    """Wait for its report: it could read its protected settings."""
    said = f"{greeting} {hashlib.sha256(PROTECTED.encode()).hexdigest()}"
    wait_for(
        lambda: any(said in json.dumps(each["status"]) for each in it.world.statuses(it.name)),
        f"{said!r}",
        timeout=120,
    )


def commands(it: Supervised) -> list[str]:
    """What the handler was told to do, ever."""
    return [json.loads(line)["command"] for line in it.made.machine.read(COMMANDS).splitlines()]


@pytest.mark.parametrize("rotated", [False, True], ids=["same certificate", "new certificate"])
def test_an_extension_that_is_published_in_the_gap_is_installed_once_by_the_guest_shell(
    rotated: bool,
    appliance_parts: Parts,
) -> None:
    """F9; F10, with the tenant's certificate rotated at the same time."""
    with supervised.machine(appliance_parts, nics=2) as it:
        host_witness(it)
        it.start()
        with it.halted(moves("eth0"), "the primary NIC's move"):
            it.begins()
            if rotated:
                it.world.rotate_certificates(it.name)
            publish_witness(it, "hello")
        await_witness(it, "hello")
        case = "F10" if rotated else "F9"
        it.observed(
            case,
            f"published in the gap{' with a new certificate' if rotated else ''}: reported success after {it.took()} s",
        )
        it.await_stage("steady")
        assert commands(it) == ["install", "enable"]
        it.remember()
        if rotated:
            it.world.rotate_certificates(it.name)
            publish_witness(it, "again")
            await_witness(it, "again")
            assert commands(it) == ["install", "enable", "enable"]
        else:  # a new stage, of the same goal state: nothing is done twice
            before = it.serial()
            it.made.reboot()
            it.start()
            it.await_guest_report(after=before)
            it.await_stage("steady")
            pause(2)
            assert commands(it)[2:] in ([], ["enable"])
            assert "install" not in commands(it)[1:]
        assert it.made.run(["find", "/var/lib/waagent", "-name", "TransportPrivate*"]).stdout == ""
        it.check(bundle=rotated)


def test_a_disk_in_another_vm_is_provisioned_there_and_its_guest_begins_anew(appliance_parts: Parts) -> None:
    """F13: the image was captured and cloned."""
    with supervised.steady(appliance_parts, network_os="frr", nics=2) as it:
        it.in_guest("echo kept > /var/lib/waagent/kept; touch /root/changed")
        it.made.sh("echo '! kept' >> /etc/frr/limpet-nos/frr.conf")
        keys, last = it.provisioned(), it.last()
        it.made.become(ANOTHER_VM)
        it.made.reboot()
        before = it.serial()
        it.begins()
        it.start()
        it.await_shown(lambda _: it.states(after=last)[-1:] == ["steady"], "steady as another VM")
        report = it.await_guest_report(after=before)
        assert it.shown()["vmId"] == ANOTHER_VM
        assert it.provisioned() != keys
        assert it.in_guest("ls /var/lib/waagent/kept /root/changed 2>/dev/null") == ""
        assert "! kept" in it.made.machine.read("/etc/frr/limpet-nos/frr.conf")
        it.observed(
            "F13",
            f"another VM id: provisioned again once, guest state forgotten, FRR's configuration kept; reports after {it.took(report['at'])} s",
        )
        it.remember()
        it.check()


def refused(it: Supervised, stage: str) -> None:
    """Neither stage can be started by hand."""
    for verb in ("boot", "agent"):
        done = it.made.run(["limpet", verb], timeout=60)
        assert done.exit_code == 3, (stage, verb, done)
        assert "is an appliance" in done.stderr or "Only one may run" in done.stderr, (
            stage,
            verb,
            done.stderr,
        )
        it.observed("F14", f"{stage}: `limpet {verb}` ends with 3: {done.stderr.strip()[:230]}")
    again = it.made.run(["limpet", "appliance", "run"], timeout=60)
    assert again.exit_code == 3, again


def test_no_stage_can_be_started_by_hand_beside_the_one_that_talks(appliance_parts: Parts) -> None:
    """F14, in every state that lasts."""
    with supervised.machine(appliance_parts, nics=1, settings="") as it:
        rule = it.world.add_fault("*", refused=True)["id"]
        it.start()
        it.await_stage("booting")
        refused(it, "booting")
        it.world.remove_fault(rule)
        rule = it.world.add_fault("*", method="PUT", status=503)["id"]
        it.await_stage("preparing")
        refused(it, "preparing")
        it.world.remove_fault(rule)
        with it.halted(moves("eth0"), "the primary NIC's move"):
            rule = it.world.add_fault("*", refused=True)["id"]
        it.await_state("confirming")
        refused(it, "confirming")
        it.await_state("rescue")
        it.world.remove_fault(rule)
        it.await_stage("steady")
        refused(it, "steady")
        inside = it.in_guest("limpet agent; echo ended with $?")
        assert "ended with 3" in inside, inside
        it.stop()
        refused_when_stopped = it.made.run(["limpet", "agent"], timeout=60)
        assert refused_when_stopped.exit_code == 3
        it.start()
        it.await_shown(lambda found: found["stage"] == "steady", "steady")
        it.made.run(["limpet", "guestshell", "disable"], timeout=120).checked()
        it.await_stage("degraded")
        refused(it, "degraded")
        it.check()
