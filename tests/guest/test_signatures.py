"""What a volume holds, by its marks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plans.disks import MARKS

from limpet.guest.signatures import HEAD, KEPT, TAIL, is_blank, signatures


def volume(name: str) -> bytes:
    content = bytearray(HEAD)
    for offset, mark in MARKS[name]:
        content[offset : offset + len(mark)] = mark
    return bytes(content)


@pytest.mark.parametrize("name", ["ext4", "ext3", "xfs", "btrfs", "swap", "LUKS", "LVM", "a RAID", "vfat"])
def test_a_mark_is_recognised(name: str) -> None:
    assert signatures(volume(name)) == (name,)


@pytest.mark.parametrize("name", ["blank", "noise", "an unfinished xfs"])
def test_what_has_no_complete_mark_is_nothing(name: str) -> None:
    assert signatures(volume(name)) == ()


def test_an_unfinished_btrfs_is_nothing() -> None:
    assert signatures(bytes(65536 + 64) + b"!BHRfS_M") == ()


def test_two_marks_are_both_told() -> None:
    assert signatures(volume("ntfs and a RAID")) == ("ntfs", "a RAID")


@pytest.mark.parametrize("before_the_end", [64 * 1024, 8 * 1024, TAIL])
def test_a_raid_at_the_end_is_found(before_the_end: int) -> None:
    tail = bytes(TAIL - before_the_end) + b"\xfc\x4e\x2b\xa9" + bytes(before_the_end - 4)
    assert signatures(bytes(HEAD), tail) == ("a RAID",)


@given(head=st.binary(max_size=4096), tail=st.binary(max_size=1024))
def test_any_bytes_have_marks_or_none(head: bytes, tail: bytes) -> None:
    assert isinstance(signatures(head, tail), tuple)


@pytest.mark.parametrize("name", sorted(KEPT - {"ext2", "ext3", "ext4"}))
def test_a_volume_cut_short_holds_nothing(name: str) -> None:
    content = volume(name)
    ends = {max(offset + len(mark) for offset, mark in MARKS[name]) - 1}
    assert all(signatures(content[:end]) == () for end in ends)


@pytest.mark.parametrize(
    ("parts", "blank"),
    [
        ((bytes(9), bytes(9)), True),
        ((bytes(9), b""), True),
        ((b"", b""), False),
        ((bytes(9), b"\0\1"), False),
        ((b"\1",), False),
    ],
)
def test_only_zeros_are_blank(parts: tuple[bytes, ...], blank: bool) -> None:
    assert is_blank(*parts) is blank
