"""What a volume holds, told by the marks that file systems and the like leave at its beginning and end. Pure."""

from __future__ import annotations

import struct

HEAD, TAIL = 256 * 1024, 128 * 1024
"""How much of a volume's beginning and end is looked at, bytes."""

KEPT = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs"})
"""File systems that are mounted as they are."""

_MD = b"\xfc\x4e\x2b\xa9"
_PAGES = (4096, 8192, 16384, 65536)
_AT: tuple[tuple[str, int, bytes], ...] = (
    ("ntfs", 3, b"NTFS    "),
    ("BitLocker", 3, b"-FVE-FS-"),
    ("exfat", 3, b"EXFAT   "),
    ("vfat", 54, b"FAT12   "),
    ("vfat", 54, b"FAT16   "),
    ("vfat", 82, b"FAT32   "),
    ("LUKS", 0, b"LUKS\xba\xbe"),
    *(("LVM", sector * 512, b"LABELONE") for sector in range(4)),
    ("btrfs", 65536 + 64, b"_BHRfS_M"),
    ("a RAID", 0, _MD),
    ("a RAID", 4096, _MD),
    *(("swap", page - 10, magic) for page in _PAGES for magic in (b"SWAPSPACE2", b"SWAP-SPACE")),
    ("f2fs", 1024, b"\x10\x20\xf5\xf2"),
    ("erofs", 1024, b"\xe2\xe1\xf5\xe0"),
    ("nilfs2", 1030, b"\x34\x34"),
    ("squashfs", 0, b"hsqs"),
    ("jfs", 32768, b"JFS1"),
    ("iso9660", 32769, b"CD001"),
    ("udf", 32769, b"BEA01"),
    ("reiserfs", 65536 + 52, b"ReIsEr"),
    ("gfs2", 65536, b"\x01\x16\x19\x70"),
    ("bcache", 4096 + 24, bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81")),
    ("bcachefs", 4096 + 24, bytes.fromhex("c68573f666ce90a9d96a60cf803df7ef")),
    ("VDO", 0, b"dmvdo001"),
    ("Stratis", 512 + 4, b"!Stra0tis\x86\xff\x02^\x41rh"),
)
_UBERBLOCK = struct.pack("<Q", 0x00BAB10C)


def signatures(head: bytes, tail: bytes = b"") -> tuple[str, ...]:
    """What a volume seems to hold: names of file systems and the like, several when it has the marks of several.

    head: its first `HEAD` bytes, or all of it; tail: its last `TAIL` bytes.
    """
    found = [name for name, offset, magic in _AT if head[offset : offset + len(magic)] == magic]
    # mkfs.xfs leaves "in progress" set until it is done; mke2fs and mkfs.btrfs write their magic last.
    if head[:4] == b"XFSB" and head[126:127] == b"\0":
        found.append("xfs")
    if head[1080:1082] == b"\x53\xef":
        found.append(_ext(head))
    if any(head[at : at + 8] == _UBERBLOCK for at in range(131072, len(head), 1024)):
        found.append("ZFS")
    if _raid_at_the_end(tail):
        found.append("a RAID")
    return tuple(dict.fromkeys(found))


def is_blank(*parts: bytes) -> bool:
    """Whether nothing was ever written there: zeros only, and something to look at."""
    return any(parts) and all(part == bytes(len(part)) for part in parts)


def _ext(head: bytes) -> str:
    compatible, incompatible, read_only = struct.unpack_from("<III", head.ljust(1136, b"\0"), 1024 + 92)
    # Extents, 64-bit numbers, flexible groups; huge files and the like: what only ext4 has.
    if incompatible & 0x2C0 or read_only & 0x478:
        return "ext4"
    return "ext3" if compatible & 4 else "ext2"


def _raid_at_the_end(tail: bytes) -> bool:
    """Superblocks 0.90, 64 KiB from an end at 64 KiB, and 1.0, 8 KiB from one at 4 KiB, of a volume of whole KiB."""
    return any(tail[at : at + 4] == _MD for at in range(0, len(tail), 512))
