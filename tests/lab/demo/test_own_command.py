"""How a demo says that its own command is called: what is told can be typed."""

from __future__ import annotations

import pytest

from limpet.lab.commands import own_command


@pytest.mark.parametrize(
    ("called", "found", "told"),
    [
        ("/srv/limpet/.venv/bin/limpet", False, "/srv/limpet/.venv/bin/limpet"),
        ("/srv/a folder/bin/limpet", False, "'/srv/a folder/bin/limpet'"),
        ("/srv/limpet/.venv/bin/limpet", True, "limpet"),
        ("/usr/lib/python3/__main__.py", False, "limpet"),
    ],
)
def test_it_is_its_name_where_a_shell_finds_it_and_else_its_path(called: str, found: bool, told: str) -> None:
    assert own_command(called, found=found) == told
