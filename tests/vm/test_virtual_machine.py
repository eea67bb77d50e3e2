"""The machine room's virtual machine, without any agent: what the tests of agents stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from limpet.lab.vm.guest import RESOURCE_IDS
from limpet.lab.vm.recipes import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.lab.vm.rack import Place, Rack
    from limpet.lab.vm.ssh import Key
    from limpet.lab.vm.virtual_machine import Vm


@pytest.fixture(scope="module")
def place(lab: Rack) -> Place:
    return lab.place("plain", userName="ada", computerName="engine")


@pytest.fixture(scope="module")
def machine(lab: Rack, place: Place) -> Iterator[Vm]:
    with lab.vm(PLAIN, place, media=lab.media(place)) as made:
        made.boot()
        made.settle()
        yield made


def test_it_has_the_address_and_the_routes_that_dhcp_gave(machine: Vm, place: Place) -> None:
    machine.await_told("ip -brief address show eth0", f"{place.address}/24")
    assert "via 10.0.0.1" in machine.told("ip route get 168.63.129.16")
    assert "OPTION_245=a83f8110" in machine.told("cat /run/systemd/netif/leases/*")


def test_the_wire_server_answers_it(machine: Vm) -> None:
    ask = "import urllib.request as u; print(u.urlopen('http://168.63.129.16/?comp=versions', timeout=30).read())"
    assert "2012-11-30" in machine.await_told(f'python3 -c "{ask}"', "Versions")


def test_nothing_else_does(machine: Vm) -> None:
    ask = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    assert machine.run(f'python3 -c "{ask}"').exit_code != 0


def test_its_firmware_says_that_it_is_the_platforms(machine: Vm, place: Place) -> None:
    told = machine.told("cd /sys/class/dmi/id; cat sys_vendor product_name chassis_asset_tag product_uuid")
    assert told.splitlines() == [
        "Microsoft Corporation",
        "Virtual Machine",
        "7783-7084-3265-9085-8269-3286-77",
        str(machine.hardware.system_uuid),
    ]
    assert machine.hardware.system_uuid.bytes_le == place.vm_id.bytes


def test_its_disc_can_be_read_as_udf_and_as_iso_9660(machine: Vm) -> None:
    for kind in ("udf", "iso9660"):
        script = f"mount -o ro -t {kind} /dev/sr0 /mnt; cat /mnt/ovf-env.xml; umount /mnt"
        assert "<HostName>engine</HostName>" in machine.told(script).replace("ns1:", "").replace("wa:", "")


def test_its_resource_disk_is_found_by_its_device_id_and_is_as_the_platform_makes_it(machine: Vm) -> None:
    device = f"/sys/bus/vmbus/devices/{RESOURCE_IDS[1]}"
    assert machine.told(f"cat {device}/device_id") == f"{{{RESOURCE_IDS[1]}}}"
    name = machine.told(f"basename {device}/host*/target*/*/block/*")
    assert machine.told("readlink -f /dev/disk/cloud/azure_resource") == f"/dev/{name}"
    assert machine.told(f"sfdisk --part-type /dev/{name} 1") == "7"
    assert machine.told(f"blkid -o value -s TYPE /dev/{name}1") == "ntfs"


def test_files_go_in_and_come_out(machine: Vm) -> None:
    content = bytes(range(256)) * 500
    machine.write("/root/some folder/file", content, mode=0o600)
    assert machine.read("/root/some folder/file") == content
    assert machine.told("stat -c %a '/root/some folder/file'") == "600"


def test_someone_with_a_key_can_log_in(lab: Rack, machine: Vm, place: Place, key: Key) -> None:
    machine.told("ssh-keygen -A; systemctl reset-failed ssh; systemctl restart ssh", timeout=120)
    machine.write("/root/.ssh/authorized_keys", f"{key.public}\n", mode=0o600)
    answer = lab.ssh(place, "root", key, "id -un")
    assert (answer.exit_code, answer.stdout) == (0, "root\n"), answer.stderr


def test_the_disc_can_be_taken_out_and_put_in_again(lab: Rack, machine: Vm, place: Place) -> None:
    look = "blkid -p -o value -s TYPE /dev/sr0"
    machine.eject()
    assert machine.run(look).exit_code != 0
    machine.insert(lab.media(place))
    assert machine.told(f"for i in $(seq 50); do {look} && break; sleep 0.1; done") == "udf"


def test_a_nic_can_be_plugged_in_and_pulled_out(lab: Rack, machine: Vm) -> None:
    look = "for i in $(seq 100); do grep -sl 00:0d:3a:0a:0b:0c /sys/class/net/*/address && break; sleep 0.1; done"
    nic = lab.nic("00:0d:3a:0a:0b:0c")
    machine.plug(nic)
    assert machine.told(look).startswith("/sys/class/net/eth")
    machine.unplug(nic)
    assert machine.told("grep -sl 00:0d:3a:0a:0b:0c /sys/class/net/*/address || echo gone") == "gone"


def test_disks_keep_what_was_written_over_reboot_power_cut_and_another_id(lab: Rack) -> None:
    first, second = lab.place("kept"), lab.place("clone")
    with lab.vm(PLAIN, first) as machine:
        machine.boot()
        machine.told("echo kept > /root/file; sync")
        boot = machine.told("cat /proc/sys/kernel/random/boot_id")
        machine.reboot()
        assert machine.told("cat /root/file") == "kept"
        assert machine.told("cat /proc/sys/kernel/random/boot_id") != boot
        machine.cut_power()
        assert not machine.running
        machine.becomes(lab.cloned(machine, second))
        machine.boot()
        assert machine.told("cat /root/file") == "kept"
        assert machine.told("cat /sys/class/dmi/id/product_uuid") == str(machine.hardware.system_uuid)
        machine.await_told("ip -brief address show eth0", second.address)
        machine.power_off()
        assert "Power down" in machine.console()
