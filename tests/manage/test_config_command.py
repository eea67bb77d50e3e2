"""`limpet config`, and the reference page that is made by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from limpet.config.settings import SETTINGS
from limpet.manage.config_command import main
from limpet.manage.reference.settings_page import page
from limpet.model.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    """A configuration that reads nothing of this machine."""
    conf = tmp_path / "waagent.conf"
    conf.write_text("Extensions.Enabled=n\nOS.EnableRDMA=y\nLib.Dri=/srv\n", encoding="utf-8")
    file = tmp_path / "limpet.toml"
    file.write_text(f'[agent]\nwaagent_conf = "{conf}"\n', encoding="utf-8")
    return file


def test_every_setting_is_shown_with_value_and_origin(toml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--config", str(toml), "--set", "goal_state.period=2.5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = {line.split()[0]: line.split(None, 2)[1:] for line in lines if line.split()[:1]}
    assert set(SETTINGS) <= set(shown)
    assert shown["goal_state.period"] == ["2.5", "option"]
    assert shown["extensions.enabled"] == ["false", f"{toml.parent}/waagent.conf, line 1"]
    assert shown["agent.waagent_conf"] == [f"{toml.parent}/waagent.conf", f"{toml}, line 2"]
    assert shown["fabric.endpoint"] == ["unset", "default"]
    assert any("OS.EnableRDMA has no effect" in line for line in lines)
    assert any("no key 'Lib.Dri'; did you mean 'Lib.Dir'?" in line for line in lines)


def test_programs_get_the_same_as_json(toml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--config", str(toml), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["settings"]) == list(SETTINGS)
    assert document["settings"]["agent.library"] == {"value": "/var/lib/waagent", "origin": "default"}
    assert len(document["notes"]) == len(document["unused"]) == 1


def test_some_settings_are_asked_for_by_our_names_or_those_of_waagent_conf(
    toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "OS.SshDir", "extensions.enabled", "--config", str(toml)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(None, 2)[:2] for line in lines] == [
        ["ssh.dir", "/etc/ssh"],
        ["extensions.enabled", "false"],
    ]
    with pytest.raises(ConfigurationError, match=r"did you mean 'extensions\.enabled'"):
        main(["show", "extension.enabled", "--config", str(toml)])


def test_the_configuration_is_shown_as_the_other_agent_shows_it(
    toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--set", "provisioning.agent=limpet", "--set", "fabric.use_leases=false"]
    assert main(["show", "--waagent", "--config", str(toml), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == sorted(lines)
    shown = dict(line.split(" = ") for line in lines)
    assert set(shown) == {row.waagent for row in SETTINGS.values() if row.waagent is not None}
    assert (shown["Extensions.Enabled"], shown["Provisioning.Agent"]) == ("n", "waagent")
    assert (shown["Protocol.EndpointDiscovery"], shown["HttpProxy.Host"]) == ("static", "None")
    assert shown["Lib.Dir"] == "/var/lib/waagent"


def test_what_waagent_shows_is_read_again_as_the_same(toml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--waagent", "--config", str(toml)]) == 0
    conf = toml.parent / "again.conf"
    conf.write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["check", str(conf)]) == 0
    assert main(["show", "--waagent", "--config", str(toml), "--set", f"agent.waagent_conf={conf}"]) == 0
    assert capsys.readouterr().out.endswith(conf.read_text(encoding="utf-8"))


def test_a_file_without_mistakes_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "limpet.toml"
    file.write_text("goal_state.period = 3\n", encoding="utf-8")
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: nothing is wrong\n"


def test_every_mistake_in_a_file_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "limpet.toml"
    file.write_text("[goal_state]\nperiod = 'soon'\nperoid = 1\n[ssh]\ndir = 'x'\n", encoding="utf-8")
    assert main(["check", str(file), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["problems"]
    assert [problem.split(":")[0] for problem in found] == [f"{file}, line {number}" for number in (2, 3, 5)]
    assert "did you mean 'goal_state.period'" in found[1]


def test_a_file_that_is_not_toml_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "limpet.toml"
    file.write_text("a = = 1\n", encoding="utf-8")
    assert main(["check", str(file)]) == 1
    assert capsys.readouterr().out.startswith(f"{file}, line 1, column 5: Invalid value")


def test_a_key_that_stands_again_is_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "waagent.conf"
    file.write_text("OS.EnableFirewall=n\nLogs.Verbose=y\nOS.EnableFirewall=y\n", encoding="ascii")
    assert main(["check", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unused"] == [
        f"{file}, line 1: OS.EnableFirewall has no effect: it stands again in line 3"
    ]


def test_a_waagent_conf_is_checked_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "theirs.conf"
    file.write_text(
        "# fine\nOS.SshDir=etc\nLogs.Verbose n\nOS.EnableRDMA=y\nOS.SshDirr=/x\n", encoding="utf-8"
    )
    assert main(["check", str(file), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [problem.split(":")[0] for problem in document["problems"]] == [
        f"{file}, line {number}" for number in (2, 5, 3)
    ]
    assert document["format"] == "waagent"
    assert len(document["unused"]) == 1


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        main(["check", str(tmp_path / "none.toml")])


def test_a_configuration_that_is_a_link_is_read_where_it_leads(
    toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (toml.parent / "link.toml").symlink_to("other.toml")
    (toml.parent / "other.toml").symlink_to(toml)
    for command in (["show", "--json", "--config"], ["check"]):
        assert main([*command, str(toml.parent / "link.toml")]) == 0
    (toml.parent / "theirs.conf").symlink_to("real")
    (toml.parent / "real").write_text("nonsense\n", encoding="ascii")
    capsys.readouterr()
    assert main(["check", str(toml.parent / "theirs.conf")]) == 1
    assert "theirs.conf, line 1: this is neither" in capsys.readouterr().out


def test_a_configuration_that_leads_nowhere_is_none_and_one_that_leads_in_a_circle_is_refused(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.toml").symlink_to("b.toml")
    with pytest.raises(ConfigurationError, match="does not exist"):
        main(["show", "--config", str(tmp_path / "a.toml")])
    (tmp_path / "b.toml").symlink_to("a.toml")
    with pytest.raises(ConfigurationError, match="from link to link"):
        main(["show", "--config", str(tmp_path / "a.toml")])
    (tmp_path / "folder.toml").symlink_to(tmp_path)
    with pytest.raises(ConfigurationError, match="is a folder"):
        main(["check", str(tmp_path / "folder.toml")])


def test_the_reference_page_is_the_table_of_today() -> None:
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == page(), "write it anew: .venv/bin/limpet config show --page > docs/settings.md"
