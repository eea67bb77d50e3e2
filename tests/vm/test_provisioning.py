"""A new VM, provisioned by limpet from its disc: what its user, its administrator and the fabric find."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from tests.vm.limpet_vm import (
    CUSTOM_DATA,
    HOST_NAME,
    PASSWORD,
    PROVISIONING,
    READY,
    SWAP_MEGABYTES,
    USER,
    await_reports,
    key_values,
    limpet_vm,
    marker,
    settled,
    wish,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.lab.vm.rack import Place, Rack
    from limpet.lab.vm.ssh import Key
    from limpet.lab.vm.virtual_machine import Vm

pytestmark = pytest.mark.ci


@pytest.fixture(scope="module")
def place(lab: Rack, key: Key) -> Place:
    more = {"password": PASSWORD, "disablePassword": False, "customData": b64encode(CUSTOM_DATA).decode()}
    return lab.place("provisioned", **wish(key, **more))


@pytest.fixture(scope="module")
def machine(lab: Rack, place: Place) -> Iterator[Vm]:
    with limpet_vm(lab, place, media=lab.media(place)) as made:
        made.boot()
        await_reports(lab, place, PROVISIONING, READY)
        settled(made)
        yield made


def test_the_user_logs_in_with_the_given_key_and_may_do_everything(
    lab: Rack, machine: Vm, place: Place, key: Key
) -> None:
    answer = lab.ssh(place, USER, key, f"id -un; hostname; echo '{PASSWORD}' | sudo -S id -u")
    assert (answer.exit_code, answer.stdout.split()) == (0, [USER, HOST_NAME, "0"]), answer.stderr


def test_who_has_a_password_is_asked_for_it_by_sudo(lab: Rack, machine: Vm, place: Place, key: Key) -> None:
    assert lab.ssh(place, USER, key, "sudo -n id -u").exit_code != 0


def test_nobody_else_does(lab: Rack, machine: Vm, place: Place, key: Key) -> None:
    assert lab.ssh(place, "root", key, "id").exit_code == 255


def test_the_password_is_the_users_and_is_kept_as_a_hash_only(machine: Vm) -> None:
    hashed = machine.told(f"getent shadow {USER} | cut -d: -f2")
    assert hashed.startswith("$6$")
    salt = "$".join(hashed.split("$")[:3])
    check = f"import warnings; warnings.simplefilter('ignore'); import crypt; print(crypt.crypt('{PASSWORD}', '{salt}'))"
    assert machine.told(f'python3 -c "{check}"'.replace("$", "\\$")) == hashed


def test_the_password_is_nowhere_to_be_read(machine: Vm) -> None:
    found = machine.told(
        f"grep -rlaF '{PASSWORD}' /etc /var /run /home /root 2>/dev/null | grep -v '^/run/media' || :"
    )
    assert found == ""
    assert PASSWORD not in machine.told("journalctl --no-pager -o cat", timeout=120)
    assert PASSWORD not in machine.console()


def test_sshd_takes_passwords_because_the_disc_says_so(machine: Vm) -> None:
    assert "passwordauthentication yes" in machine.told("sshd -T", timeout=120)


def test_root_has_no_password(machine: Vm) -> None:
    assert machine.told("getent shadow root | cut -d: -f2")[0] in "*!"


def test_the_host_has_its_name_and_the_platforms_dns_has_it_too(lab: Rack, machine: Vm, place: Place) -> None:
    assert machine.told("hostname; cat /etc/hostname").split() == [HOST_NAME, HOST_NAME]
    assert lab.world.provisioning(place.name)["hostName"]["name"] == HOST_NAME


def test_the_resource_disk_is_formatted_mounted_and_warned_of(machine: Vm) -> None:
    device = machine.told("readlink -f /dev/disk/azure/resource")
    assert machine.told("findmnt -no SOURCE,FSTYPE /mnt/resource").split() == [f"{device}1", "ext4"]
    assert machine.told(f"sfdisk --part-type {device} 1") == "83"
    assert "temporary" in machine.told("cat /mnt/resource/DATALOSS_WARNING_README.txt").lower()


def test_swap_of_the_wanted_size_is_on(machine: Vm) -> None:
    name, kind, size, *_ = machine.told("tail -n 1 /proc/swaps").split()
    assert (name, kind) == ("/mnt/resource/swapfile", "file")
    assert SWAP_MEGABYTES * 1024 - 64 <= int(size) <= SWAP_MEGABYTES * 1024
    assert machine.told("stat -c %a /mnt/resource/swapfile") == "600"


def test_disks_have_the_platforms_patience(machine: Vm) -> None:
    assert set(machine.told("cat /sys/block/sd*/device/timeout").split()) == {"300"}


def test_custom_data_is_saved_decoded(machine: Vm) -> None:
    assert machine.read("/var/lib/waagent/CustomData") == CUSTOM_DATA


def test_the_kept_document_has_no_password_and_is_roots(machine: Vm) -> None:
    kept = "/var/lib/waagent/ovf-env.xml"
    assert f"<{'UserName'}" in machine.told(f"cat {kept}").replace("ns1:", "").replace("wa:", "")
    assert machine.told(f"stat -c '%a %U' {kept}") == "600 root"


def test_the_disc_is_let_go(machine: Vm) -> None:
    assert machine.told("grep /dev/sr0 /proc/mounts || echo free") == "free"


def test_the_fabric_heard_of_the_start_and_of_the_end_once_each(lab: Rack, machine: Vm, place: Place) -> None:
    assert words(lab, place) == [PROVISIONING, READY]


def test_the_fabric_knows_the_host_key_that_users_see(lab: Rack, machine: Vm, place: Place) -> None:
    [sent] = lab.world.provisioning(place.name)["roleProperties"]
    [fingerprint] = sent["properties"].values()
    seen = machine.told("cat /etc/ssh/ssh_host_*_key.pub | awk '{print $2}'").split()
    digests = machine.told(
        "for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k -E sha256; ssh-keygen -lf $k -E md5; "
        "awk '{print $2}' $k | base64 -d | sha1sum; done"
    )
    plain = digests.replace(":", "").lower()
    assert seen
    assert fingerprint.replace(":", "").lower() in plain


def test_the_hypervisor_is_told_that_it_went_well(machine: Vm, place: Place) -> None:
    report = key_values(machine)["PROVISIONING_REPORT"]
    assert "result=success" in report
    assert str(place.vm_id) in report


def test_the_marker_names_the_vm_as_the_fabric_does(machine: Vm, place: Place) -> None:
    assert marker(machine)["vmId"].lower() == str(place.vm_id)


def test_only_root_talks_to_the_wire_server(lab: Rack, machine: Vm, place: Place, key: Key) -> None:
    ask = "import socket; socket.create_connection(('168.63.129.16', 80), timeout={}).close()"
    assert machine.run(f'python3 -c "{ask.format(60)}"', timeout=120).exit_code == 0
    assert lab.ssh(place, USER, key, f'python3 -c "{ask.format(4)}"').exit_code != 0


def test_the_agent_goes_on_where_the_boot_stage_ended(lab: Rack, machine: Vm, place: Place) -> None:
    lab.world.wait(place.name, timeout=240, afterStatus=0)
    assert machine.told("systemctl is-active limpet-agent") == "active"


def test_nothing_has_failed(machine: Vm) -> None:
    assert machine.settle() == "running"
    assert machine.told("journalctl -p err -u 'limpet-*' --no-pager -o cat") == ""


def test_nics_keep_their_name_and_get_a_second_one_that_tells_them_apart(machine: Vm) -> None:
    """What `limpet install` tells udev, with the driver of this VM's NIC in place of the platform's."""
    machine.told(
        "mkdir -p /run/systemd/network; cd /etc/systemd/network; "
        "sed s/hv_netvsc/virtio_net/ 80-limpet-synthetic.link > /run/systemd/network/79-here.link; "
        "udevadm control --reload; udevadm trigger --action=add --settle /sys/class/net/eth0"
    )
    mac = machine.told("cat /sys/class/net/eth0/address").replace(":", "")
    assert f"altname enx{mac}" in machine.told("ip link show eth0")
    assert "ID_NET_LINK_FILE=/run/systemd/network/79-here.link" in machine.told(
        "udevadm info /sys/class/net/eth0"
    )


def test_a_virtual_function_is_not_for_network_managers_and_has_no_name_by_its_address(machine: Vm) -> None:
    machine.told(
        "mkdir -p /run/udev/rules.d /run/systemd/network; cd /etc/udev/rules.d; sed 's/hv_pci/virtio-pci/; s/mlx5_core/virtio_net/' 65-limpet-virtual-function.rules "
        "> /run/udev/rules.d/66-here.rules; cd /etc/systemd/network; sed 's/mlx5[*]/virtio*/' "
        "01-limpet-virtual-function.link > /run/systemd/network/00-here.link; udevadm control --reload"
    )
    told = machine.told("udevadm test /sys/class/net/eth0 2>&1")
    machine.told(
        "rm /run/udev/rules.d/66-here.rules /run/systemd/network/00-here.link; udevadm control --reload"
    )
    for line in (
        "LIMPET_VIRTUAL_FUNCTION=1",
        "NM_UNMANAGED=1",
        "ID_NET_LINK_FILE=/run/systemd/network/00-here.link",
    ):
        assert line in told, told
    assert "Invalid" not in told
