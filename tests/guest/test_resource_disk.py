"""What a person is told of the resource disk. States and steps: tests/plans/resource_disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plans.cases import FOLDER, read

from limpet.guest.resource_disk import ResourceDisk, ResourceDiskPolicy, plan_resource_disk
from limpet.host.facts.resource_disk import look


def planned(case: str, *, wanted: bool = True) -> ResourceDisk:
    machine = read(FOLDER / "resource_disk" / f"{case}.toml").machine()
    policy = ResourceDiskPolicy(format=wanted, filesystem="ext4", mount_point=Path("/mnt/resource"))
    return plan_resource_disk(policy, look(machine.files, machine.devices, machine.commands))


@pytest.mark.parametrize(
    ("case", "note"),
    [
        ("none", "this VM has no resource disk"),
        (
            "fresh_gen1",
            "/dev/sdb by device id 00000000-0001-8899-0000-000000000000: it is as the platform gives it",
        ),
        (
            "fresh_gen2",
            "/dev/sda by device id f8b3781a-1e82-4818-a1c3-63d806ec15bb, LUN 1: it is as the platform gives it",
        ),
        ("by_link", "/dev/sdd by /dev/disk/azure/resource: it is blank"),
        (
            "blank_nvme",
            "/dev/nvme1n1 by its model Microsoft NVMe Direct Disk v2: it is blank; nvme2n1, nvme10n1 left alone",
        ),
        ("kept_xfs", "/dev/sdb by device id 00000000-0001-8899-0000-000000000000: it holds xfs"),
    ],
)
def test_it_is_said_how_the_disk_was_found_and_what_it_is(case: str, note: str) -> None:
    assert planned(case).note == note


@pytest.mark.parametrize(
    ("case", "point", "filesystem", "mounted"),
    [
        ("fresh_gen1", "/mnt/resource", "ext4", False),
        ("kept_xfs", "/mnt/resource", "xfs", False),
        ("mounted_elsewhere", "/mnt", "ext4", True),
        ("mounted_btrfs", "/mnt/resource", "btrfs", True),
    ],
)
def test_the_place_is_where_the_file_system_will_be(
    case: str, point: str, filesystem: str, mounted: bool
) -> None:
    place = planned(case).place
    assert place is not None
    assert (str(place.mount_point), place.filesystem, place.mounted) == (point, filesystem, mounted)
    assert 7 << 30 < place.room < 8 << 30


@pytest.mark.parametrize("case", ["none", "data_ntfs", "io_error", "two_by_device_id"])
def test_without_a_disk_that_can_be_used_there_is_no_place(case: str) -> None:
    assert planned(case).place is None


def test_by_the_settings_nothing_is_done() -> None:
    found = planned("fresh_gen1", wanted=False)
    assert (found.task.steps, found.task.problem, found.place) == ((), None, None)


def test_no_failure_of_it_keeps_a_vm_from_being_provisioned() -> None:
    assert not planned("data_ntfs").task.required
