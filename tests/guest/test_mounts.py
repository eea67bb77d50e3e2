"""The kernel's tables of mounts and swaps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.mounts import Mount, Swap, read_mountinfo, read_swaps, seen_at

LINES = (
    "26 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,discard\n"
    "36 26 8:17 / /mnt/a\\040b rw shared:2 master:1 - xfs /dev/sdb1 rw\n"
    "37 26 0:45 /sub /srv rw - btrfs /dev/sdc rw\n"
    "nonsense\n\n"
)


def test_mounts_are_read_with_their_escapes() -> None:
    assert read_mountinfo(LINES) == (
        Mount(point="/", source="/dev/sda1", filesystem="ext4", number="8:1"),
        Mount(point="/mnt/a b", source="/dev/sdb1", filesystem="xfs", number="8:17"),
        Mount(point="/srv", source="/dev/sdc", filesystem="btrfs", number="0:45"),
    )


def test_of_two_mounts_on_one_folder_the_later_is_seen() -> None:
    mounts = read_mountinfo(LINES + "40 26 8:33 / /srv rw - ext4 /dev/sdd1 rw\n")
    assert [getattr(seen_at(mounts, point), "source", None) for point in ("/srv", "/", "/x")] == [
        "/dev/sdd1",
        "/dev/sda1",
        None,
    ]


def test_swaps_are_read_in_bytes() -> None:
    text = "Filename Type Size Used Priority\n/mnt/a\\040b file 4092 0 -2\n/dev/sdb2 partition 10 0 -3\nx y\n"
    assert read_swaps(text) == (Swap(path="/mnt/a b", size=4092 * 1024), Swap(path="/dev/sdb2", size=10240))


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert isinstance(read_mountinfo(text), tuple)
    assert isinstance(read_swaps(text), tuple)
