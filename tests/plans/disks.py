"""Disks of plan cases, from a few words: `[disks."/dev/sdb"]`.

size = "8 GiB"; block = 512; number = "8:16"       # number: major and minor
ours = "made"                                      # or "making": a table as this project makes it
table = "mbr"                                      # or "gpt": one of others, with these partitions
partitions = [{ type = "07", start = 1, size = 8190, holds = "ntfs", names = ["a.txt"] }]   # MiB
holds = "ext4"                                     # what the disk holds without a table, or the partition of our own
read_only = true
holders = ["dm-0"]                                 # or { sdb1 = ["dm-0"] }
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from limpet.guest import partition_table as tables
from limpet.guest.signatures import HEAD
from limpet.host.fake_devices import Disk, show_disk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.host.fake_files import FakeFiles

MIB = 1024 * 1024
UNITS = {"MiB": MIB, "GiB": 1024 * MIB, "TiB": 1024 * 1024 * MIB}
MARKS: dict[str, Sequence[tuple[int, bytes]]] = {
    "blank": (),
    "noise": ((0, bytes(range(1, 256)) * 17),),
    "ext4": ((1024, struct.pack("<56xH34xIII", 0xEF53, 4, 0x2C0, 0x478)),),
    "ext3": ((1024, struct.pack("<56xH34xIII", 0xEF53, 4, 0x2, 0x1)),),
    "xfs": ((0, b"XFSB"),),
    "an unfinished xfs": ((0, b"XFSB"), (126, b"\1")),
    "btrfs": ((65536 + 64, b"_BHRfS_M"),),
    "swap": ((4086, b"SWAPSPACE2"),),
    "LUKS": ((0, b"LUKS\xba\xbe"),),
    "LVM": ((512, b"LABELONE"),),
    "a RAID": ((4096, b"\xfc\x4e\x2b\xa9"),),
    "vfat": ((82, b"FAT32   "),),
    "ntfs and a RAID": ((3, b"NTFS    "), (4096, b"\xfc\x4e\x2b\xa9")),
    "a damaged ntfs": ((3, b"NTFS    "),),
}


def size_of(text: str) -> int:
    number, unit = text.split()
    return int(number) * UNITS[unit]


def plug(files: FakeFiles, path: Path, words: dict[str, Any]) -> None:
    disk = Disk(
        size=size_of(words["size"]), block=words.get("block", 512), number=words.get("number", "8:16")
    )
    if "ours" in words:
        for offset, content in tables.new_table(
            size=disk.size, block=disk.block, identity=words.get("identity", "other"), mark=words["ours"]
        ):
            disk.write(offset, content)
        fill(disk, tables.MIB, words.get("holds", "blank"), ())
    elif "table" in words:
        make = {"mbr": mbr, "gpt": gpt}[words["table"]]
        make(disk, words["partitions"])
        for partition in words["partitions"]:
            fill(disk, start_of(partition), partition.get("holds", "blank"), partition.get("names", ()))
    else:
        fill(disk, 0, words.get("holds", "blank"), words.get("names", ()))
    show_disk(files, path, disk)
    folder = Path("/sys/block", path.name)
    if words.get("read_only"):
        files.replace(folder / "ro", b"1\n")
    holders = words.get("holders", {})
    for name, others in ({".": holders} if isinstance(holders, list) else holders).items():
        for other in others:
            files.make_folder(folder / name / "holders" / other)


def start_of(partition: dict[str, Any]) -> int:
    return int(partition["start"] * MIB)


def fill(disk: Disk, start: int, holds: str, names: Sequence[str]) -> None:
    for offset, content in ntfs(names) if holds == "ntfs" else MARKS[holds]:
        disk.write(start + offset, content)


def mbr(disk: Disk, partitions: Sequence[dict[str, Any]]) -> None:
    entries = b"".join(
        struct.pack(
            "<B3sB3sII", 0, b"\0\2\3", int(each["type"], 16), b"\xfe\xff\xff",
            start_of(each) // disk.block, int(each["size"] * MIB) // disk.block,
        )
        for each in partitions
    )  # fmt: skip
    disk.write(0, b"\x33\xc0".ljust(440, b"\x90") + b"\1\2\3\4\0\0" + entries.ljust(64, b"\0") + b"\x55\xaa")


def gpt(disk: Disk, partitions: Sequence[dict[str, Any]]) -> None:
    """A table of another maker: entries are packed here, the checksums are borrowed from a table of our own."""
    entries = b"".join(
        struct.pack(
            "<16s16sQQQ72s", guid(each["type"]), bytes([index + 1]) * 16, start_of(each) // disk.block,
            (start_of(each) + int(each["size"] * MIB)) // disk.block - 1, 0, each.get("name", "").encode("utf-16-le"),
        )
        for index, each in enumerate(partitions)
    ).ljust(128 * 128, b"\0")  # fmt: skip
    last = disk.size // disk.block - 1
    header = bytearray(
        struct.pack(
            "<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, 1, last, 34, last - 33, b"\7" * 16, 2, 128, 128,
            crc32(entries),
        )
    )  # fmt: skip
    header[16:20] = struct.pack("<I", crc32(header))
    protective = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, min(last, 0xFFFFFFFF))
    disk.write(0, bytes(446) + protective + bytes(48) + b"\x55\xaa")
    disk.write(disk.block, bytes(header).ljust(disk.block, b"\0") + entries)


def guid(text: str) -> bytes:
    raw = bytes.fromhex(text.replace("-", ""))
    return raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]


def ntfs(names: Sequence[str]) -> list[tuple[int, bytes]]:
    """As little of an NTFS as has a root folder with names in it."""
    entries = b"".join(
        entry(3 if index == 0 else 30 + index, name) for index, name in enumerate(("$Volume", *names))
    )
    entries += struct.pack("<QHHHH", 0, 16, 0, 2, 0)
    header = struct.pack("<IIII", 16, 16 + len(entries), 16 + len(entries), 0)
    root = struct.pack("<IIIBxxx", 0x30, 1, 4096, 1) + header + entries
    attribute = struct.pack(
        "<IIBBHHHIHBx", 0x90, 24 + len(root) + -len(root) % 8, 0, 0, 24, 0, 0, len(root), 24, 0
    )
    record = struct.pack("<4sHHQHHHHIIQHHI", b"FILE", 48, 3, 0, 1, 1, 56, 3, 0, 1024, 0, 0, 0, 5)
    record = record.ljust(56, b"\0") + attribute + root.ljust(len(root) + -len(root) % 8, b"\0")
    record = (record + b"\xff\xff\xff\xff").ljust(1024, b"\0")
    assert len(record) == 1024, "too many names"
    fixed = bytearray(record)
    fixed[48:54] = b"\1\0" + record[510:512] + record[1022:1024]
    fixed[510:512] = fixed[1022:1024] = b"\1\0"
    boot = b"\xeb\x52\x90NTFS    " + struct.pack("<HB", 512, 8)
    boot = boot.ljust(40, b"\0") + struct.pack("<QQQbxxxb", 1 << 20, 4, 2, -10, 1)
    return [(0, boot.ljust(510, b"\0") + b"\x55\xaa"), (4 * 4096 + 5 * 1024, bytes(fixed))]


def entry(record: int, name: str) -> bytes:
    key = struct.pack("<Q56xBB", 5, len(name), 1) + name.encode("utf-16-le")
    length = 16 + len(key) + -(16 + len(key)) % 8
    return (struct.pack("<QHHHH", record, length, len(key), 0, 0) + key).ljust(length, b"\0")


assert max(offset + len(content) for marks in MARKS.values() for offset, content in marks) < HEAD
