"""`limpet settings`, and the reference page that is made by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from limpet.config.settings import SETTINGS
from limpet.manage.config_command import main, page
from limpet.model.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    """A configuration that reads nothing of this machine."""
    conf = tmp_path / "waagent.conf"
    conf.write_text("Extensions.Enabled=n\nOS.EnableFirewall=y\nLib.Dri=/srv\n", encoding="utf-8")
    file = tmp_path / "limpet.toml"
    file.write_text(f'[agent]\nwaagent_conf = "{conf}"\n', encoding="utf-8")
    return file


def test_every_setting_is_shown_with_value_and_origin(toml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(toml), "--set", "goal_state.period=2.5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = {line.split()[0]: line.split(None, 2)[1:] for line in lines if line.split()[:1]}
    assert set(SETTINGS) <= set(shown)
    assert shown["goal_state.period"] == ["2.5", "option"]
    assert shown["extensions.enabled"] == ["false", f"{toml.parent}/waagent.conf, line 1"]
    assert shown["agent.waagent_conf"] == [f"{toml.parent}/waagent.conf", f"{toml}, line 2"]
    assert shown["fabric.endpoint"] == ["unset", "default"]
    assert any("OS.EnableFirewall has no effect" in line for line in lines)
    assert any("no key 'Lib.Dri'; did you mean 'Lib.Dir'?" in line for line in lines)


def test_programs_get_the_same_as_json(toml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(toml), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["settings"]) == list(SETTINGS)
    assert document["settings"]["agent.library"] == {"value": "/var/lib/waagent", "origin": "default"}
    assert len(document["notes"]) == len(document["unused"]) == 1


def test_a_configuration_that_is_a_link_is_refused_with_a_reason(toml: Path) -> None:
    link = toml.parent / "link.toml"
    link.symlink_to(toml)
    with pytest.raises(ConfigurationError, match="symbolic link"):
        main(["--config", str(link)])


def test_the_reference_page_is_the_table_of_today() -> None:
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == page(), "write it anew: .venv/bin/limpet settings --page > docs/settings.md"
