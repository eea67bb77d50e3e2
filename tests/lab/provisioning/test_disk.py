from __future__ import annotations

from limpet.guest.disk_contents import FORMAT, Disk, Volume, judge
from limpet.guest.partition_table import NTFS_TYPE, read_table
from limpet.lab.provisioning.disk import SIZE, START, partition_table, sysfs


def test_the_boot_stage_reads_the_platforms_one_partition_in_the_table() -> None:
    table = read_table(partition_table().ljust(START, b"\0"), size=SIZE, block=512)
    assert table is not None
    assert table.damaged is None
    (entry,) = table.entries
    assert (entry.number, entry.type, entry.start, entry.size) == (1, NTFS_TYPE, START, SIZE - START)


def test_a_new_disk_may_be_formatted() -> None:
    table = read_table(partition_table().ljust(START, b"\0"), size=SIZE, block=512)
    volumes = {
        0: Volume(number=0, start=0, size=SIZE),
        1: Volume(number=1, start=START, size=SIZE - START, blank=True),
    }
    disk = Disk(name="sdb", source="", identity="", size=SIZE, table=table, volumes=volumes)
    assert judge(disk).action == FORMAT


def test_the_kernel_seems_to_know_disk_and_partition() -> None:
    files = sysfs("7:3", "7:4")
    assert files["block/sdb/dev"] == "7:3\n"
    assert files["block/sdb/sdb1/dev"] == "7:4\n"
    assert int(files["block/sdb/sdb1/start"]) * 512 == START
    assert int(files["block/sdb/sdb1/size"]) * 512 == SIZE - START
