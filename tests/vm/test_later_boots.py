"""What happens to a provisioned VM when it boots again: by reboot, after a power cut, or as another VM's disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.vm.limpet_vm import (
    HOST_NAME,
    PATIENCE,
    PROVISIONING,
    READY,
    USER,
    await_reports,
    limpet_vm,
    marker,
    settled,
    wish,
    words,
)

from limpet.lab.clock import wait_for

if TYPE_CHECKING:
    from limpet.lab.vm.rack import Rack
    from limpet.lab.vm.ssh import Key
    from limpet.lab.vm.virtual_machine import Vm

# What must not change when nothing is to be done again: owners, modes and contents of what provisioning made.
MADE = (
    "cd / && tar -cf /run/made etc/passwd etc/group etc/shadow etc/hostname etc/ssh etc/sudoers.d home/ada/.ssh "
    "var/lib/limpet/provisioned.json && sha256sum /run/made"
)


def host_keys(machine: Vm) -> set[str]:
    return set(machine.told("cat /etc/ssh/ssh_host_*_key.pub | awk '{print $2}'").split())


@pytest.mark.ci
def test_a_reboot_provisions_nothing_again_and_says_ready_again(lab: Rack, key: Key) -> None:
    place = lab.place("rebooted", **wish(key))
    with limpet_vm(lab, place, media=lab.media(place)) as machine:
        machine.boot()
        await_reports(lab, place, PROVISIONING, READY)
        settled(machine)
        made = machine.told(MADE)
        machine.told("echo kept > /mnt/resource/file; sync")
        machine.reboot()
        await_reports(lab, place, PROVISIONING, READY, READY)
        settled(machine)
        assert machine.told(MADE) == made
        assert machine.told("cat /mnt/resource/file") == "kept"
        assert "/mnt/resource/swapfile" in machine.told("cat /proc/swaps")
        assert set(machine.told("cat /sys/block/sd*/device/timeout").split()) == {"300"}
        # The agent, which starts after it, does not say it once more.
        lab.world.wait(place.name, timeout=240, afterStatus=0)
        assert words(lab, place) == [PROVISIONING, READY, READY]
        assert lab.ssh(place, USER, key, "hostname").stdout == f"{HOST_NAME}\n"


def test_a_clone_is_provisioned_anew_with_its_own_keys_user_and_name(lab: Rack, key: Key) -> None:
    first = lab.place("original", **wish(key))
    second = lab.place("copy", **wish(key, userName="grace", computerName="hopper"))
    with limpet_vm(lab, first, media=lab.media(first)) as machine:
        machine.boot()
        await_reports(lab, first, PROVISIONING, READY)
        settled(machine)
        before = host_keys(machine)
        machine.power_off()
        machine.becomes(lab.cloned(machine, second, media=lab.media(second)))
        machine.boot()
        await_reports(lab, second, PROVISIONING, READY)
        settled(machine)
        assert not before & host_keys(machine)
        assert marker(machine)["vmId"].lower() == str(second.vm_id)
        answer = lab.ssh(second, "grace", key, "hostname; sudo -n id -u")
        assert answer.stdout.split() == ["hopper", "0"], answer.stderr
        assert words(lab, first) == [PROVISIONING, READY]


def test_the_power_is_cut_in_the_middle_and_the_next_boot_brings_it_to_its_end(lab: Rack, key: Key) -> None:
    place = lab.place("cut", **wish(key))
    with limpet_vm(lab, place, media=lab.media(place)) as machine:
        machine.start()
        wait_for(lambda: words(lab, place), "the first report", timeout=PATIENCE, pause=0.05)
        machine.cut_power()
        assert words(lab, place) == [PROVISIONING]
        machine.boot()
        wait_for(lambda: READY in words(lab, place), "Ready", timeout=PATIENCE, pause=0.2)
        settled(machine)
        assert words(lab, place).count(READY) == 1
        assert machine.told(f"getent passwd | grep -c '^{USER}:'") == "1"
        assert machine.told(f"grep -c . /home/{USER}/.ssh/authorized_keys") == "1"
        answer = lab.ssh(place, USER, key, "hostname; sudo -n id -u")
        assert answer.stdout.split() == [HOST_NAME, "0"], answer.stderr
