"""The swap file: its header, and what is done in which state."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.kernel_release import kernel_version
from limpet.guest.mounts import Swap
from limpet.guest.resource_disk import Place
from limpet.guest.steps import Allocate
from limpet.guest.swap import LEFT_FREE, SwapFacts, SwapFile, header, plan_swap

MIB = 1024 * 1024
PATH = Path("/mnt/resource/swapfile")
ACTIVE = (Swap(path=str(PATH), size=4 * MIB - 4096),)


def place(filesystem: str = "ext4", *, room: int = 1024 * MIB, mounted: bool = True) -> Place:
    return Place(mount_point=PATH.parent, filesystem=filesystem, room=room, mounted=mounted)


def plan(wanted: int, facts: SwapFacts, where: Place | None = None) -> list[str]:
    task = plan_swap(wanted, where or place(), facts)
    return [f"! {task.problem}"] if task.problem else [step.describe().split(" (")[0] for step in task.steps]


@given(page=st.sampled_from([4096, 16384, 65536]), pages=st.integers(10, 1 << 20))
def test_a_header_says_how_many_pages_there_are(page: int, pages: int) -> None:
    content = header(pages * page, page)
    assert len(content) == page
    assert content[-10:] == b"SWAPSPACE2"
    assert struct.unpack_from("<III", content, 1024) == (1, pages - 1, 0)


@pytest.mark.parametrize(
    ("facts", "steps"),
    [
        (SwapFacts(), ["allocate /mnt/resource/swapfile", "run swapon /mnt/resource/swapfile"]),
        (SwapFacts(active=ACTIVE, file=SwapFile(size=4 * MIB, mode=0o600)), []),
        (
            SwapFacts(active=ACTIVE, file=SwapFile(size=4 * MIB, mode=0o644)),
            ["run chmod 0600 /mnt/resource/swapfile"],
        ),
        (
            SwapFacts(active=ACTIVE, file=SwapFile(size=3 * MIB, mode=0o600)),
            [
                "run swapoff /mnt/resource/swapfile",
                "allocate /mnt/resource/swapfile",
                "run swapon /mnt/resource/swapfile",
            ],
        ),
        (
            SwapFacts(active=ACTIVE),
            [
                "run swapoff /mnt/resource/swapfile",
                "allocate /mnt/resource/swapfile",
                "run swapon /mnt/resource/swapfile",
            ],
        ),
        (
            SwapFacts(active=(Swap(path="/dev/sda2", size=9),), file=SwapFile(size=4 * MIB, mode=0o600)),
            ["allocate /mnt/resource/swapfile", "run swapon /mnt/resource/swapfile"],
        ),
        (SwapFacts(swapon=False), ["! the program swapon is not installed"]),
    ],
    ids=["none", "right", "mode", "size", "gone", "others", "no swapon"],
)
def test_what_is_done_to_have_4_megabytes(facts: SwapFacts, steps: list[str]) -> None:
    assert plan(4, facts) == steps


def test_no_swap_is_wanted() -> None:
    assert plan(0, SwapFacts(active=ACTIVE)) == []


@pytest.mark.parametrize(
    ("room", "file", "fits"),
    [
        (LEFT_FREE + 4 * MIB, None, True),
        (LEFT_FREE + 4 * MIB - 1, None, False),
        (LEFT_FREE, SwapFile(size=4 * MIB, mode=0o600), True),
        (0, SwapFile(size=4 * MIB, mode=0o600), True),
        (LEFT_FREE + MIB, SwapFile(size=3 * MIB, mode=0o600), True),
        (LEFT_FREE, SwapFile(size=3 * MIB, mode=0o600), False),
    ],
)
def test_room_is_left_besides_and_the_old_files_room_counts(
    room: int, file: SwapFile | None, fits: bool
) -> None:
    task = plan_swap(4, place(), SwapFacts(room=room, file=file))
    assert (task.problem is None) is fits
    assert fits or "swap_size to at most" in task.advice


def test_a_swap_file_is_of_whole_pages() -> None:
    (step, _) = plan_swap(1, place(), SwapFacts(page=65536)).steps
    assert isinstance(step, Allocate)
    assert (step.size, len(step.head)) == (MIB, 65536)


@pytest.mark.parametrize(
    ("filesystem", "release", "written"),
    [("xfs", "4.17.19", True), ("xfs", "4.18.0-1", False), ("ext4", "3.10.0", False), ("xfs", "6.1", False)],
)
def test_only_old_kernels_need_every_byte_written_and_only_on_xfs(
    filesystem: str, release: str, written: bool
) -> None:
    step = plan_swap(1, place(filesystem), SwapFacts(release=release)).steps[0]
    assert isinstance(step, Allocate)
    assert step.written is written


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("2.6.32-504.el6", (2, 6, 32)),
        ("6.1.0-28-cloud-amd64", (6, 1, 0)),
        ("10", (10,)),
        ("x", (0,)),
        ("", (0,)),
    ],
)
def test_releases_are_read_number_by_number(release: str, version: tuple[int, ...]) -> None:
    assert kernel_version(release) == version
