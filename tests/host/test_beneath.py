"""Reading what somebody else may have filled: nothing outside is ever seen through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from limpet.host.beneath import FilesBeneath
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "0.status").write_text("outside")
    made = tmp_path / "library"
    (made / "Handler-1.0" / "status").mkdir(parents=True)
    (made / "Handler-1.0" / "status" / "0.status").write_text("inside")
    return made


def test_what_is_there_is_read(library: Path) -> None:
    files = FilesBeneath(library)
    file = library / "Handler-1.0" / "status" / "0.status"
    assert files.read(file, at_most=100) == b"inside"
    assert files.names(file.parent) == ["0.status"]
    assert files.names(library) == ["Handler-1.0"]
    info = files.info(file)
    assert info is not None
    assert info.size == 6


def test_a_link_anywhere_on_the_way_leads_nowhere(library: Path) -> None:
    files, outside = FilesBeneath(library), library.parent / "secret"
    (library / "Handler-2.0").mkdir()
    (library / "Handler-2.0" / "status").symlink_to(outside)
    (library / "Handler-3.0").symlink_to(outside)
    (library / "Handler-1.0" / "status" / "1.status").symlink_to(outside / "0.status")
    for path in ("Handler-2.0/status/0.status", "Handler-3.0/0.status", "Handler-1.0/status/1.status"):
        with pytest.raises((HostError, FileNotFoundError)):
            files.read(library / path, at_most=100)
    assert files.names(library / "Handler-2.0" / "status") == []
    assert files.info(library / "Handler-3.0" / "0.status") is None


@pytest.mark.parametrize("path", ["../secret/0.status", "Handler-1.0/../../secret/0.status"])
def test_there_is_no_way_up(path: str, library: Path) -> None:
    with pytest.raises(HostError, match="not below"):
        FilesBeneath(library).read(library / path, at_most=100)


def test_what_is_not_there_is_absent(library: Path) -> None:
    for files in (FilesBeneath(library), FilesBeneath(library.parent / "nowhere")):
        place = files._root / "Handler-9.9" / "status" / "0.status"
        assert files.info(place) is None
        assert files.names(place.parent) == []
        with pytest.raises(FileNotFoundError):
            files.read(place, at_most=100)
