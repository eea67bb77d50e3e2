"""Discs read without a mount: every kind the platform may give, and none that hurts."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limpet.emulator.media.image import FileSystem, disc
from limpet.model.errors import HostError, MalformedDocument
from limpet.wire.disc import content, find_files, gathered, recognized
from limpet.wire.sectors import SECTOR

if TYPE_CHECKING:
    from limpet.wire.sectors import Read

NAME = "ovf-env.xml"
WANTED = frozenset({NAME, "linuxosconfiguration.xml"})
BODY = b"<Environment/>" * 400
IMAGES = {kind: disc({NAME: BODY, "README": b"x", "other.txt": b""}, file_system=kind) for kind in FileSystem}


def reading(image: bytes) -> Read:
    return lambda offset, size: image[offset : offset + size]


@pytest.mark.parametrize("kind", FileSystem)
def test_the_document_is_read_from_every_kind_of_disc(kind: FileSystem) -> None:
    read = reading(IMAGES[kind])
    found = find_files(read, WANTED)
    assert [(file.name, file.size) for file in found] == [(NAME, len(BODY))]
    assert content(read, found[0], at_most=1 << 20) == BODY


@pytest.mark.parametrize("kind", FileSystem)
def test_every_spelling_of_a_name_is_found(kind: FileSystem) -> None:
    read = reading(disc({NAME: b"a", NAME.upper(): b"b"}, file_system=kind))
    assert {(file.name, content(read, file, at_most=9)) for file in find_files(read, WANTED)} == {
        (NAME, b"a"),
        (NAME.upper(), b"b"),
    }


@pytest.mark.parametrize("kind", FileSystem)
def test_an_empty_file_is_empty(kind: FileSystem) -> None:
    read = reading(disc({NAME: b""}, file_system=kind))
    assert [content(read, file, at_most=9) for file in find_files(read, WANTED)] == [b""]


@pytest.mark.parametrize("kind", FileSystem)
def test_many_files_fill_more_than_one_block_of_names(kind: FileSystem) -> None:
    files = {f"a rather long name of a file {number:03}.txt": b"x" for number in range(120)} | {NAME: BODY}
    read = reading(disc(files, file_system=kind))
    assert [content(read, file, at_most=1 << 20) for file in find_files(read, WANTED)] == [BODY]


def test_a_document_that_is_too_large_is_refused_before_it_is_read() -> None:
    read = reading(IMAGES[FileSystem.BOTH])
    with pytest.raises(MalformedDocument, match="at most 100 are accepted"):
        content(read, find_files(read, WANTED)[0], at_most=100)


@pytest.mark.parametrize("image", [b"", bytes(1 << 20), hashlib.shake_256(b"noise").digest(1 << 16)])
def test_what_is_no_disc_is_not_recognised(image: bytes) -> None:
    assert recognized(reading(image)) == []
    with pytest.raises(MalformedDocument, match="neither ISO 9660 nor UDF"):
        find_files(reading(image), WANTED)


@pytest.mark.parametrize("kind", FileSystem)
def test_a_disc_cut_at_any_sector_gives_the_whole_document_or_a_reason(kind: FileSystem) -> None:
    image = IMAGES[kind]
    for end in range(0, len(image), SECTOR):
        read = reading(image[:end])
        with suppress(MalformedDocument):
            found = find_files(read, WANTED)
            assert [content(read, file, at_most=1 << 20) for file in found] in ([BODY], [])


@pytest.mark.parametrize("kind", FileSystem)
def test_a_disc_takes_few_reads(kind: FileSystem) -> None:
    image, reads = IMAGES[kind], [0]

    def read(offset: int, size: int) -> bytes:
        reads[0] += 1
        return image[offset : offset + size]

    gathering = gathered(read)
    assert [content(gathering, file, at_most=1 << 20) for file in find_files(gathering, WANTED)] == [BODY]
    assert reads[0] <= 4


@given(
    st.binary(max_size=1 << 18),
    st.lists(st.tuples(st.integers(0, 1 << 19), st.integers(0, 1 << 17)), max_size=8),
)
def test_gathered_reads_give_what_single_ones_do(image: bytes, asked: list[tuple[int, int]]) -> None:
    read, gathering = reading(image), gathered(reading(image))
    for offset, size in asked:
        assert gathering(offset, size) == read(offset, size)


@pytest.mark.parametrize("kind", FileSystem)
def test_a_bad_sector_beside_the_document_does_no_harm(kind: FileSystem) -> None:
    image = IMAGES[kind]
    readme = b"x".ljust(SECTOR, b"\0")
    bad = next(at for at in range(0, len(image), SECTOR) if image[at : at + SECTOR] == readme)

    def read(offset: int, size: int) -> bytes:
        if offset <= bad < offset + size:
            raise HostError("Input/output error")
        return image[offset : offset + size]

    plain = [content(reading(image), file, at_most=1 << 20) for file in find_files(reading(image), WANTED)]
    gathering = gathered(read)
    assert [content(gathering, file, at_most=1 << 20) for file in find_files(gathering, WANTED)] == plain


def structures(image: bytes) -> list[int]:
    """The sectors that hold something, but not the document."""
    return [
        at
        for at in range(0, len(image), SECTOR)
        if any(image[at : at + SECTOR]) and BODY[:64] not in image[at : at + SECTOR]
    ]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_disc_is_a_reason_never_a_crash_and_reads_stay_bounded(data: st.DataObject) -> None:
    image = bytearray(IMAGES[data.draw(st.sampled_from(list(FileSystem)))])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.sampled_from(structures(bytes(image)))) + data.draw(st.integers(0, 600))
        noise = data.draw(st.binary(min_size=1, max_size=16) | st.sampled_from([b"\xff" * 8, bytes(16)]))
        image[at : at + len(noise)] = noise
    asked = [0]

    def read(offset: int, size: int) -> bytes:
        assert offset >= 0
        assert 0 <= size <= 1 << 20
        asked[0] += 1
        return bytes(image[offset : offset + size])

    with suppress(MalformedDocument):
        for file in find_files(read, WANTED):
            assert len(content(read, file, at_most=1 << 20)) == file.size
    assert asked[0] < 1000
