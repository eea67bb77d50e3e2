"""Discs as a machine reads them: by mount(8), with the programs of Debian behind it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from limpet.lab.clock import wait_for
from limpet.lab.commands import run
from limpet.lab.machine import IDLE
from limpet.lab.provisioning.hardware import Hardware, azure_dmi, eject, fit, insert, vmbus_device
from limpet.lab.provisioning.media import disc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from limpet.lab.machine import Machine
    from limpet.lab.room import Room

pytestmark = pytest.mark.system

MOUNT = "mkdir -p /mnt/dvd && mount -o ro -t udf,iso9660,vfat /dev/sr0 /mnt/dvd"
GUID = "00000000-0001-8899-0000-000000000000"
VM_ID = "11223344-5566-7788-99aa-bbccddeeff00"


@contextmanager
def with_disc(room: Room, tree: Path, *options: str) -> Iterator[Machine]:
    machine, _ = room.machine([tree])
    fit(machine, Hardware())
    machine.boot(IDLE)
    with disc(room.workspace.folder / "dvd.iso", *options) as device:
        try:
            assert machine.run(["test", "-e", "/dev/sr0"]).exit_code == 1
            insert(machine, device)
            yield machine
        finally:
            machine.kill()


@pytest.mark.parametrize("variant", [None, "iso9660-only", "two-documents"])
def test_a_disc_that_arrives_late_can_be_read(
    variant: str | None, empty_room: Room, image_tree: Path
) -> None:
    more = () if variant is None else ("--broken", variant)
    with with_disc(empty_room, image_tree, "--user-name", "ada", *more) as machine:
        machine.run(["sh", "-c", MOUNT]).checked()
        assert "<UserName>ada</UserName>" in machine.run(["cat", "/mnt/dvd/ovf-env.xml"]).checked()
        machine.run(["umount", "/mnt/dvd"]).checked()
        eject(machine)
        assert machine.run(["sh", "-c", MOUNT]).exit_code != 0


def test_blkid_knows_a_disc_by_its_label(empty_room: Room, image_tree: Path) -> None:
    with with_disc(empty_room, image_tree) as machine:
        found = machine.run(["blkid", "-p", "-o", "export", "/dev/sr0"]).checked()
        assert "LABEL=rd_rdfe_stable" in found
        assert "TYPE=udf" in found or "TYPE=iso9660" in found


@pytest.mark.parametrize("variant", ["no-file-system", "no-document"])
def test_a_disc_without_a_document_has_none(variant: str, empty_room: Room, image_tree: Path) -> None:
    with with_disc(empty_room, image_tree, "--broken", variant) as machine:
        mounted = machine.run(["sh", "-c", MOUNT]).exit_code == 0
        assert mounted is (variant == "no-document")
        assert machine.run(["test", "-e", "/mnt/dvd/ovf-env.xml"]).exit_code == 1


def test_a_disc_goes_with_a_lab_that_was_killed(tmp_path: Path) -> None:
    image = tmp_path / "dvd.iso"
    image.write_bytes(bytes(65536))
    program = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from limpet.lab.provisioning.hardware import loop_device\n"
        "with loop_device(Path(sys.argv[1])) as device:\n"
        "    print(device, len(device.read_bytes()), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = run([sys.executable, "-c", program, str(image)])
    assert killed.exit_code == -9
    assert killed.stdout.split()[1:] == ["65536"]
    wait_for(
        lambda: run(["losetup", "--associated", str(image)]).stdout == "", "the device to go", timeout=120
    )


def test_a_machine_has_the_hardware_that_it_was_given(empty_room: Room, image_tree: Path) -> None:
    machine, _ = empty_room.machine([image_tree])
    sysfs = {**azure_dmi(VM_ID), **vmbus_device(GUID)}
    machine.boot(fit(machine, Hardware(sysfs=sysfs)))
    assert machine.settle() == "running"

    def read(path: str) -> str:
        return machine.run(["cat", f"/sys/{path}"]).checked().strip()

    assert read("class/dmi/id/sys_vendor") == "Microsoft Corporation"
    assert read("class/dmi/id/product_uuid") == "44332211-6655-8877-99aa-bbccddeeff00"
    assert read(f"bus/vmbus/devices/{GUID}/device_id") == f"{{{GUID}}}"
    assert read("class/net/eth0/address") == "00:0d:3a:00:00:04"
    assert machine.run(["systemd-detect-virt"]).stdout == "microsoft\n"
    assert machine.run(["systemd-detect-virt", "--container"]).exit_code != 0
    assert machine.run(["touch", "/sys/class/dmi/id/x"]).exit_code != 0
