from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from limpet.lab.commands import LabError
from limpet.lab.roots import within, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("run", "var", "etc"):
        (tmp_path / folder).mkdir()
    (tmp_path / "var/run").symlink_to("/run")
    (tmp_path / "var/up").symlink_to("../../../../etc")
    (tmp_path / "circle").symlink_to("circle")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("/etc/passwd", "etc/passwd"),
        ("/var/run/x", "run/x"),
        ("/var/up/x", "etc/x"),
        ("../../x", "x"),
        ("/missing/folder/x", "missing/folder/x"),
        ("/var/run", "var/run"),
        ("/", "."),
    ],
)
def test_links_of_a_root_are_followed_inside_it(root: Path, path: str, real: str) -> None:
    assert within(root, path) == root / real


def test_links_in_a_circle_are_refused(root: Path) -> None:
    with pytest.raises(LabError, match="too many links"):
        within(root, "/circle/x")


def test_a_file_is_written_where_the_links_of_the_root_lead(root: Path) -> None:
    write(root, "/var/run/service/key", "secret", mode=0o600)
    assert (root / "run/service/key").read_text(encoding="utf-8") == "secret"
    assert (root / "run/service/key").stat().st_mode & 0o777 == 0o600
