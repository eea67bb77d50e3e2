"""docs/waagent.md knows every word and every name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from limpet.manage.install.units import ALIASES, VM
from limpet.manage.shim import names as shim_names
from limpet.manage.shim.program import _COMMANDS, _OPTIONS, _WHOLE

ROOT = Path(__file__).parents[2]


@pytest.fixture
def page() -> str:
    return (ROOT / "docs" / "waagent.md").read_text(encoding="utf-8")


def test_every_word_has_a_row(page: str) -> None:
    assert [word for word in (*_COMMANDS, *_OPTIONS, *_WHOLE) if f"`-{word}" not in page] == []


def test_every_importable_name_is_listed(page: str) -> None:
    tree = ast.parse(Path(shim_names.__file__).read_text(encoding="utf-8"))
    names = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert len(names) > 25
    assert [name for name in names if name != "os_release" and f"`{name}`" not in page] == []


def test_every_installed_file_is_listed(page: str) -> None:
    names = [path.rpartition("/")[2] for path in VM.files("")] + list(ALIASES)
    assert [name for name in names if name not in page and f"/{name}" not in page] == []
