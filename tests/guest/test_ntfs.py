"""The root folder of an NTFS, and what is no NTFS. Volumes of the real program are in tests/system/test_resource_disk.py."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plans.disks import ntfs

from limpet.guest.ntfs import root_names
from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("Daten.txt", "übung")


def volume(*names: str) -> bytearray:
    content = bytearray(32 * 1024)
    for offset, part in ntfs(names):
        content[offset : offset + len(part)] = part
    return content


def reader(content: bytes | bytearray) -> Callable[[int, int], bytes]:
    return lambda offset, size: bytes(content[offset : offset + size]) if offset >= 0 else b""


@pytest.mark.parametrize("names", [(), NAMES, tuple(f"{number}" for number in range(6))])
def test_names_are_read_and_the_file_systems_own_are_not(names: tuple[str, ...]) -> None:
    assert root_names(reader(volume(*names))) == names


@given(
    at=st.integers(0, 63) | st.integers(4 * 4096 + 5 * 1024, 4 * 4096 + 6 * 1024 - 1),
    value=st.integers(1, 255),
)
def test_a_changed_byte_gives_names_or_a_reason(at: int, value: int) -> None:
    content = volume(*NAMES)
    content[at] ^= value
    with suppress(MalformedDocument):
        assert isinstance(root_names(reader(content)), tuple)


@given(length=st.integers(0, 32 * 1024))
def test_a_volume_cut_anywhere_gives_all_names_or_a_reason(length: int) -> None:
    try:
        assert root_names(reader(volume(*NAMES)[:length])) == NAMES
    except MalformedDocument:
        assert length < 4 * 4096 + 6 * 1024


@given(content=st.binary(max_size=600))
def test_other_bytes_are_no_ntfs(content: bytes) -> None:
    with pytest.raises(MalformedDocument):
        root_names(reader(b"\xeb\x52\x90NTFS    " + content))
