"""What makes a namespace machine look like a VM, as far as it is values."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from limpet.lab.commands import LabError
from limpet.lab.provisioning.hardware import (
    DETECT_VIRT,
    Hardware,
    _init,
    _mknod,
    azure_dmi,
    swapped,
    vmbus_device,
)
from limpet.lab.provisioning.media import write_disc

VM_ID = "11223344-5566-7788-99aa-bbccddeeff00"
SWAPPED = "44332211-6655-8877-99aa-bbccddeeff00"


def test_the_other_byte_order_of_an_id_is_its_own_opposite() -> None:
    assert swapped(VM_ID) == SWAPPED
    assert swapped(SWAPPED) == VM_ID


@pytest.mark.parametrize(("generation", "uuid"), [(1, SWAPPED), (2, VM_ID)])
def test_dmi_tells_the_id_in_the_byte_order_of_the_generation(generation: int, uuid: str) -> None:
    found = azure_dmi(VM_ID.upper(), generation=generation)
    assert found["class/dmi/id/product_uuid"] == f"{uuid}\n"
    assert found["class/dmi/id/chassis_asset_tag"] == "7783-7084-3265-9085-8269-3286-77\n"


def test_a_device_on_the_vmbus_has_its_id_in_braces() -> None:
    assert vmbus_device("a-b") == {"bus/vmbus/devices/a-b/device_id": "{a-b}\n"}


def test_a_machine_lays_out_its_hardware_and_becomes_systemd_outside_a_container() -> None:
    lines = _init(Hardware(drives={"sr0": Path("/dev/null")})).splitlines()
    assert lines[0] == "#!/bin/sh"
    assert lines[-2:] == ["mknod -m 660 /dev/sr0 b 1 3", "exec env -u container /sbin/init"]


def test_a_drive_that_is_not_there_is_said() -> None:
    with pytest.raises(LabError, match="/dev/nothing is no block device"):
        _mknod("sr0", Path("/dev/nothing"))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 0, "microsoft\n"),
        (["-v"], 0, "microsoft\n"),
        (["-c"], 1, "none\n"),
        (["--container", "--quiet"], 1, ""),
        (["-q"], 0, ""),
    ],
)
def test_the_machine_says_that_it_is_a_vm(arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    script = tmp_path / "detect"
    script.write_text(DETECT_VIRT, encoding="utf-8")
    found = subprocess.run(["sh", str(script), *arguments], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (code, said)


def test_a_disc_is_written_by_the_emulators_command_with_the_password_out_of_sight(tmp_path: Path) -> None:
    image = write_disc(tmp_path / "dvd.iso", "--user-name", "ada", password="between us")
    assert b"<UserPassword>between us</UserPassword>" in image.read_bytes()


def test_a_disc_that_cannot_be_written_is_told_in_the_commands_words(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="there is no variant 'nothing'"):
        write_disc(tmp_path / "dvd.iso", "--broken", "nothing")
