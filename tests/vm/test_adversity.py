"""A new VM on a bad day: the wrong disc, a late one or none, no network for a while, a fabric that does not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.vm.limpet_vm import (
    FAILED,
    HOST_NAME,
    PROVISIONING,
    READY,
    USER,
    await_reports,
    key_values,
    limpet_vm,
    settled,
    wish,
    words,
)

from limpet.lab.clock import pause
from limpet.lab.vm.guest import RESOURCE_IDS

if TYPE_CHECKING:
    from limpet.lab.vm.rack import Place, Rack
    from limpet.lab.vm.ssh import Key

DROUGHT = 60.0
"""Seconds without DHCP."""


def assert_provisioned(lab: Rack, place: Place, key: Key) -> None:
    answer = lab.ssh(place, USER, key, "hostname; sudo -n id -u")
    assert answer.stdout.split() == [HOST_NAME, "0"], answer.stderr


@pytest.mark.parametrize(("variant", "reason"), [("truncated", "ovf-env"), ("root-user", "root")])
def test_a_wrong_disc_is_told_to_the_fabric_and_the_right_one_is_taken_at_the_next_boot(
    lab: Rack, key: Key, variant: str, reason: str
) -> None:
    place = lab.place(f"wrong-{variant}", **wish(key))
    with limpet_vm(lab, place, media=lab.media(place, "--broken", variant)) as machine:
        machine.boot()
        machine.await_told("systemctl is-failed limpet-boot.service; :", "failed")
        assert FAILED in words(lab, place)
        assert READY not in words(lab, place)
        report = lab.world.provisioning(place.name)["reports"][-1]
        assert reason in str(report)
        assert "result=error" in key_values(machine)["PROVISIONING_REPORT"]
        assert machine.run(f"id {USER}").exit_code != 0
        machine.await_told("systemctl is-active --quiet systemd-networkd && echo it runs; :", "it runs")
        machine.insert(lab.media(place))
        machine.reboot()
        settled(machine)
        assert words(lab, place)[-1] == READY
        assert_provisioned(lab, place, key)


def test_without_a_disc_the_metadata_service_is_asked(lab: Rack, key: Key) -> None:
    place = lab.place("no-disc", **wish(key))
    with limpet_vm(lab, place) as machine:
        machine.boot()
        await_reports(lab, place, PROVISIONING, READY)
        settled(machine)
        assert_provisioned(lab, place, key)
        requests = {request["endpoint"] for request in lab.world.requests(place.name)}
        assert "instance-metadata" in requests


def test_a_disc_that_arrives_late_is_waited_for(lab: Rack, key: Key) -> None:
    place = lab.place("late-disc", **wish(key))
    with limpet_vm(lab, place) as machine:
        machine.boot()
        machine.insert(lab.media(place))
        await_reports(lab, place, PROVISIONING, READY)
        settled(machine)
        assert_provisioned(lab, place, key)
        assert "/dev/sr0" in machine.told("journalctl -u limpet-boot -o cat | grep boot.ended")


def test_a_minute_without_dhcp_only_takes_a_minute(lab: Rack, key: Key) -> None:
    place = lab.place("drought", **wish(key))
    rule = lab.world.add_fault("dhcp-*", vm=place.name, refused=True)
    try:
        with limpet_vm(lab, place, media=lab.media(place)) as machine:
            machine.boot()
            pause(DROUGHT)
            assert words(lab, place) == []
            # What needs no network is done meanwhile.
            assert machine.run(f"id {USER}").exit_code == 0
            lab.world.remove_fault(rule["id"])
            rule = {}
            await_reports(lab, place, PROVISIONING, READY)
            settled(machine)
            assert_provisioned(lab, place, key)
    finally:
        if rule:
            lab.world.remove_fault(rule["id"])


def test_a_fabric_that_is_too_busy_is_asked_again_until_it_takes_the_report(lab: Rack, key: Key) -> None:
    place = lab.place("busy-fabric", **wish(key))
    lab.world.add_fault("goal-state", vm=place.name, status=503, count=4)
    lab.world.add_fault("health", vm=place.name, status=503, count=4)
    with limpet_vm(lab, place, media=lab.media(place)) as machine:
        machine.boot()
        settled(machine)
        assert words(lab, place)[-1] == READY
        assert words(lab, place).count(READY) == 1
        assert_provisioned(lab, place, key)


def test_the_nic_that_has_the_platform_is_found_among_several(lab: Rack, key: Key) -> None:
    first = "00:0d:3a:00:99:01"
    place = lab.place("two-nics", **wish(key))
    other = lab.nic(first)
    with limpet_vm(lab, place, media=lab.media(place), nics=(other, place.nic)) as machine:
        machine.boot()
        await_reports(lab, place, PROVISIONING, READY)
        settled(machine)
        interface = machine.told(f"basename $(dirname $(grep -l {place.nic.mac} /sys/class/net/*/address))")
        assert f" dev {interface} " in machine.told("ip route get 168.63.129.16")
        assert_provisioned(lab, place, key)


def test_a_second_generation_vm_has_its_resource_disk_too(lab: Rack, key: Key) -> None:
    place = lab.place("second-generation", **wish(key))
    with limpet_vm(lab, place, media=lab.media(place), vmbus=2) as machine:
        machine.boot()
        await_reports(lab, place, PROVISIONING, READY)
        settled(machine)
        assert RESOURCE_IDS[2] in machine.told("ls /sys/bus/vmbus/devices")
        assert machine.told("findmnt -no FSTYPE /mnt/resource") == "ext4"
