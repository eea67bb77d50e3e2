"""Partition tables: what is made is read back, what is torn is known, what is damaged is not believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.partition_table import (
    LINUX_DATA,
    LINUX_TYPE,
    MADE,
    MAKING,
    MIB,
    marked,
    new_table,
    partition_name,
    read_table,
)
from limpet.host.fake_devices import Disk

TIB = 1024 * 1024 * MIB
sizes = st.integers(64, 20 * 1024 * 1024).map(lambda mebibytes: mebibytes * MIB) | st.sampled_from(
    [2 * TIB - MIB, 2 * TIB - 512, 2 * TIB, 2 * TIB + 4096, 16 * TIB, 17 * TIB]
)
blocks = st.sampled_from([512, 4096])


def made(size: int, block: int, mark: str = MAKING) -> Disk:
    disk = Disk(size=size, block=block)
    for offset, content in new_table(size=size, block=block, identity="x", mark=mark):
        disk.write(offset, content)
    return disk


@given(size=sizes, block=blocks)
def test_a_table_that_was_made_is_read_back(size: int, block: int) -> None:
    size -= size % block
    table = read_table(made(size, block).read(0, MIB), size=size, block=block)
    assert table is not None
    assert (table.damaged, table.mark) == (None, MAKING)
    (entry,) = table.entries
    assert (entry.number, entry.start, entry.type) == (
        1,
        MIB,
        LINUX_TYPE if table.kind == "mbr" else LINUX_DATA,
    )
    assert entry.size % MIB == 0
    assert size - 2 * MIB <= entry.start + entry.size <= size - MIB
    assert (table.kind == "gpt") == (size // block >= 1 << 32)


@given(size=sizes.filter(lambda size: size >= 4 * TIB), data=st.data())
def test_a_table_that_was_written_in_part_says_that_the_disk_is_being_made(
    size: int, data: st.DataObject
) -> None:
    disk = Disk(size=size)
    disk.write(0, bytes(range(256)) * 128)
    chunks = [
        (offset + at, content[at : at + 512])
        for offset, content in new_table(size=size, block=512, identity="x", mark=MAKING)
        for at in range(0, len(content), 512)
    ]
    for offset, content in chunks[: data.draw(st.integers(1, len(chunks)))]:
        disk.write(offset, content)
    table = read_table(disk.read(0, MIB), size=size, block=512)
    assert table is not None
    assert table.mark == MAKING
    assert table.damaged is not None or [entry.number for entry in table.entries] == [1]


@given(at=st.integers(512, 512 * 34 - 1), value=st.integers(1, 255))
def test_a_changed_byte_in_a_gpt_makes_it_damaged(at: int, value: int) -> None:
    head = bytearray(made(4 * TIB, 512).read(0, MIB))
    head[at] ^= value
    table = read_table(bytes(head), size=4 * TIB, block=512)
    assert table is not None
    # The header's block has nothing behind its 92 bytes that counts.
    assert (table.damaged is None) == (512 + 92 <= at < 1024)


@given(head=st.binary(max_size=2048), tail=st.booleans())
def test_any_bytes_are_a_table_or_none(head: bytes, tail: bool) -> None:
    if tail:
        head = head[:510].ljust(510, b"\0") + b"\x55\xaa" + head[512:]
    table = read_table(head, size=1 << 30, block=512)
    assert (
        table is None or table.damaged or all(entry.start + entry.size <= 1 << 30 for entry in table.entries)
    )


def test_a_disk_that_is_done_says_so_in_its_first_block_alone() -> None:
    first, second = (
        new_table(size=1 << 30, block=512, identity="x", mark=mark)[0][1] for mark in (MAKING, MADE)
    )
    assert marked(first, MADE) == second
    assert first[440:] == second[440:]
    assert first[:4] == bytes.fromhex("cd18ebfe")


def test_the_same_disk_gets_the_same_ids_and_another_one_others() -> None:
    def table(identity: str, size: int) -> object:
        return new_table(size=size, block=512, identity=identity, mark=MADE)

    assert table("a", 4 * TIB) == table("a", 4 * TIB) != table("b", 4 * TIB)


def test_a_gpt_without_its_first_block_is_damaged() -> None:
    head = bytes(512) + made(4 * TIB, 512).read(512, MIB)
    table = read_table(head, size=4 * TIB, block=512)
    assert table is not None
    assert table.damaged == "its protective MBR is missing"


@pytest.mark.parametrize(
    ("disk", "name"), [("sdb", "sdb1"), ("nvme0n1", "nvme0n1p1"), ("xvda", "xvda1"), ("loop7", "loop7p1")]
)
def test_names_that_end_in_a_digit_get_a_p_before_the_number(disk: str, name: str) -> None:
    assert partition_name(disk, 1) == name
