"""QEMU's command line as a function of what a VM is made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

from limpet.lab.vm.hardware import Hardware, Nic, Sockets, command
from limpet.lab.vm.kernel import Kernel

KERNEL = Kernel(folder=Path("/kernel"))
SOCKETS = Sockets(qmp=Path("/run/q"), shell=Path("/run/s"), console=Path("/run/c"))
PLAIN = Hardware(
    vm_id=UUID("00112233-4455-6677-8899-aabbccddeeff"),
    os_disk=Path("/disks/os.qcow2"),
    resource_disk=Path("/disks/resource.qcow2"),
    media=Path("/media/ovf.iso"),
    nics=(Nic(port="tap0", mac="00:0d:3a:00:00:04"),),
)


def line(hardware: Hardware) -> str:
    return " ".join(command(hardware, KERNEL, SOCKETS))


def test_firmware_tells_the_vm_id_in_the_byte_order_of_the_first_generation() -> None:
    assert "uuid=33221100-5544-7766-8899-aabbccddeeff" in line(PLAIN)


def test_the_chassis_is_tagged_as_the_platforms() -> None:
    assert "asset=7783-7084-3265-9085-8269-3286-77" in line(PLAIN)


def test_the_resource_disk_is_the_second_of_its_controller() -> None:
    assert "scsi-hd,drive=os,bus=scsi0.0,lun=0" in line(PLAIN)
    assert "scsi-hd,drive=resource,bus=scsi0.0,lun=1" in line(PLAIN)
    assert "lun=1" not in line(replace(PLAIN, resource_disk=None))


def test_a_vm_without_media_has_an_empty_drive() -> None:
    assert "ide-cd,id=cd0,drive=media" in line(PLAIN)
    empty = line(replace(PLAIN, media=None))
    assert "ide-cd,id=cd0" in empty
    assert "media" not in empty


def test_every_nic_is_a_tap_without_scripts_of_this_machine() -> None:
    two = line(replace(PLAIN, nics=(*PLAIN.nics, Nic(port="tap1", mac="00:0d:3a:00:00:05"))))
    for tap, mac in (("tap0", "00:0d:3a:00:00:04"), ("tap1", "00:0d:3a:00:00:05")):
        assert f"tap,id={tap},ifname={tap},script=no,downscript=no" in two
        assert f"virtio-net-pci,id=nic-{tap},netdev={tap},mac={mac}" in two


def test_nothing_is_there_that_was_not_asked_for() -> None:
    words = command(replace(PLAIN, nics=()), KERNEL, SOCKETS)
    assert {"-nodefaults", "-no-user-config"} <= set(words)
    assert "-netdev" not in words
