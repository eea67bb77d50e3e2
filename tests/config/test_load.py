"""Where settings come from, which source wins, and what is said of one that cannot be used."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.config.load import load_config
from limpet.config.settings import SETTINGS, Config
from limpet.host.fake import FakeFiles, FakeMachine
from limpet.model.errors import ConfigurationError

TOML = "/etc/limpet.toml"
CONF = "/etc/waagent.conf"
DEBIAN_CONF = Path(CONF)
SOURCE = Path(__file__).parents[2] / "src" / "limpet"


PLACES = {"toml": TOML, "conf": CONF, "other": "/srv/other.toml"}


def disk(**files: bytes | str) -> FakeFiles:
    """A file system with configuration files: limpet.toml, waagent.conf, and one that is somewhere else."""
    made = FakeMachine().files
    for name, content in files.items():
        path = Path(PLACES[name])
        made.make_folder(path.parent)
        made.replace(path, content.encode() if isinstance(content, str) else content)
    return made


def test_without_any_file_every_setting_is_its_default() -> None:
    config = load_config(disk())
    assert config == Config()
    assert {config.origin(name) for name in SETTINGS} == {"default"}


def test_limpet_toml_wins_over_waagent_conf_and_an_option_over_both() -> None:
    files = disk(
        conf="Extensions.Enabled=n\nLib.Dir=/srv/lib\nExtensions.GoalStatePeriod=30\n",
        toml='[agent]\nlibrary = "/srv/ours"\n[goal_state]\nperiod = 9\n',
    )
    config = load_config(files, options=["goal_state.period=2.5"])
    assert (config.extensions_enabled, config.library, config.goal_state_period) == (
        False, Path("/srv/ours"), 2.5,
    )  # fmt: skip
    assert config.origin("extensions.enabled") == "/etc/waagent.conf, line 1"
    assert config.origin("agent.library") == "/etc/limpet.toml, line 2"
    assert config.origin("goal_state.period") == "option"
    assert config.origin("goal_state.initial_period") == "default"


def test_another_file_stands_in_for_limpet_toml() -> None:
    files = disk(toml="goal_state.period = 9", other="goal_state.period = 3")
    assert load_config(files, path=Path("/srv/other.toml")).goal_state_period == 3


def test_a_file_that_was_asked_for_must_exist() -> None:
    with pytest.raises(ConfigurationError, match=r"^/srv/other\.toml does not exist$"):
        load_config(disk(), path=Path("/srv/other.toml"))


@pytest.mark.parametrize("file", [TOML, CONF])
def test_a_file_that_cannot_be_read_stops_the_start(file: str) -> None:
    files = disk(toml="", conf="")
    files.broken[Path(file)] = "Input/output error"
    with pytest.raises(ConfigurationError, match=f"^{file}: Input/output error$"):
        load_config(files)


def test_waagent_conf_may_live_elsewhere() -> None:
    files = disk(
        toml='agent.waagent_conf = "/srv/other.toml"',
        other="Extensions.Enabled=n",
        conf="EnableOverProvisioning=n",
    )
    config = load_config(files)
    assert (config.extensions_enabled, config.over_provisioning) == (False, True)


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("\n[goal_state]\nperoid = 6", "line 3", "no setting 'goal_state.peroid'; did you mean 'goal_state.period'"),
        ("[goalstate]\n\nperiod = 6", "line 3", "there is no setting 'goalstate.period'; did you mean"),
        ("[zzz]\nq = 6", "line 2", "there is no setting 'zzz.q'"),
        ("fabric = { endpont = 'a' }", "line 1", "no setting 'fabric.endpont'; did you mean 'fabric.endpoint'"),
        ("fabric = 4", "line 1", "there is no setting 'fabric'"),
        ("[[agent]]\nlock = '/a'", "line 1", "there is no setting 'agent'"),
        ("[goal_state]\nperiod = '6'", "line 2", "period must be a number of seconds from 0.1 to 3600, not '6'"),
        ("[goal_state]\nperiod = true", "line 2", "must be a number of seconds from 0.1 to 3600, not True"),
        ("[goal_state]\nperiod = 0", "line 2", "must be a number of seconds from 0.1 to 3600, not 0"),
        ("[goal_state]\nperiod = nan", "line 2", "must be a number of seconds from 0.1 to 3600, not nan"),
        ("[goal_state]\nperiod = [6]", "line 2", "must be a number of seconds"),
        ("[goal_state]\nperiod = { value = 6 }", "line 2", "there is no setting 'goal_state.period.value'"),
        ("# a\n\n[extensions]\nenabled = 'y'", "line 4", "extensions.enabled must be true or false, not 'y'"),
        ("proxy.port = 0", "line 1", "proxy.port must be a port from 1 to 65535, not 0"),
        ("proxy.port = 70000", "line 1", "proxy.port must be a port from 1 to 65535, not 70000"),
        ("fabric.endpoint = 'http://10.0.0.1'", "line 1", "must be an IPv4 address, without scheme"),
        ("fabric.endpoint = ''", "line 1", "must be an IPv4 address"),
        ("fabric.endpoint = 'wire.example'", "line 1", "must be an IPv4 address, without scheme and port, not 'wire.example'"),
        ("metadata.endpoint = 'metadata.example:80'", "line 1", "metadata.endpoint must be an IPv4 address"),
        ("proxy.host = 'http://proxy.example'", "line 1", "must be an IPv4 address or a host name"),
        ("metadata.endpoint = 'a:b'", "line 1", "metadata.endpoint must be an IPv4 address"),
        ("agent.library = 'lib'", "line 1", "agent.library must be an absolute path, not 'lib'"),
        ("agent.family = ''", "line 1", "agent.family must be text, not ''"),
        ("a = 1\nb = = 2", "line 2, column 5", "Invalid value"),
        ("a = 1\na = 2", "line 2", "Cannot overwrite a value"),
        ("[a", "line 1", "Expected ']' at the end of a table declaration"),
        ("a = " + "[" * 50_000, "", "nested too deeply"),
        (".".join("a" * 2_000) + " = 1", "line 1", "there is no setting 'a.a.a"),
        (b"a = 1\nb = \xff", "line 2", "this is not UTF-8"),
        (b"a" * 100_000, "has 100000 bytes", "at most 65536 are accepted"),
        ("a = " + "1" * 10_000, "", "integer string conversion"),
    ],
)  # fmt: skip
def test_an_unusable_limpet_toml_stops_the_start_and_says_where(
    text: str | bytes, where: str, problem: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_config(disk(toml=text))
    message = str(caught.value)
    assert message.startswith(TOML)
    assert where in message
    assert problem in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("goal_state.period", "write NAME=VALUE"),
        ("goal_state.perod=6", "did you mean 'goal_state.period'"),
        ("goal_state.period=soon", "must be a number of seconds from 0.1 to 3600, not 'soon'"),
        ("extensions.enabled=maybe", "must be true or false, not 'maybe'"),
    ],
)
def test_an_unusable_option_stops_the_start(option: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^option") as caught:
        load_config(disk(), options=[option])
    assert problem in str(caught.value)


@given(st.binary(max_size=300))
def test_whatever_is_in_the_files_there_is_a_configuration_or_a_clear_error(content: bytes) -> None:
    with suppress(ConfigurationError):
        load_config(disk(toml=content, conf=content))


def test_waagent_conf_is_read_as_its_own_agent_reads_it() -> None:
    config = load_config(
        disk(
            conf="\ufeff# Extensions.Enabled=n\n"
            "no equals sign\n"
            'Lib.Dir = "/srv/lib" # a comment\r\n'
            "Extensions.GoalStatePeriod=3\n"
            "Extensions.GoalStatePeriod=4#5\n"
            "Debug.EnableFastTrack=N\n"
            "EnableOverProvisioning=Y\n"
            "HttpProxy.Host=None\n"
            "HttpProxy.Port=None\n"
            "Protocol.EndpointDiscovery=static\n"
        )
    )
    assert config.notes == ()
    assert config.extensions_enabled
    assert config.library == Path("/srv/lib")
    assert config.goal_state_period == 4
    assert not config.fast_track
    assert config.over_provisioning
    assert config.proxy_host is None
    assert not config.fabric_use_leases
    assert config.origin("proxy.host") == "default"
    assert config.origin("goal_state.period") == "/etc/waagent.conf, line 5"


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("Extensions.GoalStatePeriod=soon", "must be a number of seconds from 0.1 to 3600, not 'soon'; it stays 6"),
        ("Extensions.Enabled=1", "must be true or false, not '1'; it stays true"),
        ("HttpProxy.Host=", "must be an IPv4 address or a host name, without scheme and port, not ''; it stays unset"),
        ("Extension.Enabled=y", "there is no key 'Extension.Enabled'; did you mean 'Extensions.Enabled'?"),
        ("OS.Openssl=x", "there is no key 'OS.Openssl'; did you mean 'OS.OpensslPath'?"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_waagent_conf_is_noted_and_the_default_holds(line: str, note: str) -> None:
    config = load_config(disk(conf=f"# theirs\n{line}\n"))
    assert len(config.notes) == 1
    assert config.notes[0].startswith("/etc/waagent.conf, line 2: ")
    assert config.notes[0].endswith(note)
    assert {config.origin(name) for name in SETTINGS} == {"default"}


@pytest.mark.parametrize(
    ("written", "agent", "note"),
    [
        ("Disabled", "disabled", None),
        ("waagent", "limpet", None),
        ("None", "auto", None),
        ("none", "disabled", "not 'none'; it counts as disabled"),
        ("cloudinit # a slip", "disabled", "not 'cloudinit'; it counts as disabled"),
        ("", "auto", "not ''; it stays auto"),
    ],
)
def test_a_word_for_who_provisions_that_nobody_knows_means_that_nobody_does(
    written: str, agent: str, note: str | None
) -> None:
    config = load_config(disk(conf=f"Provisioning.Agent={written}\n"))
    assert config.provisioning_agent == agent
    assert [each.partition("disabled, ")[2] for each in config.notes] == ([note] if note else [])
    with pytest.raises(ConfigurationError, match="must be one of auto"):
        load_config(disk(toml="provisioning.agent = 'cloudinit'"))


def test_keys_of_waagent_conf_without_effect_are_told_with_the_reason() -> None:
    config = load_config(disk(conf="OS.EnableRDMA=y\nLBProbeResponder=n\n"))
    assert config.notes == ()
    rdma, probe = config.unused
    assert rdma.startswith(
        "/etc/waagent.conf, line 1: OS.EnableRDMA has no effect: RDMA drivers are the image's"
    )
    assert probe == "/etc/waagent.conf, line 2: LBProbeResponder has no effect: no agent of today reads it"


def test_none_in_waagent_conf_is_the_absence_of_what_can_be_absent_and_else_the_default() -> None:
    config = load_config(disk(conf="OS.RootDeviceScsiTimeout=None\nOS.SshDir=None\n"))
    assert (config.scsi_timeout, config.ssh_dir) == (None, Path("/etc/ssh"))
    assert config.origin("kernel.scsi_timeout") == "/etc/waagent.conf, line 1"
    assert config.origin("ssh.dir") == "default"
    assert load_config(disk(toml="kernel.scsi_timeout = 0")).scsi_timeout is None


@pytest.mark.skipif(not DEBIAN_CONF.exists(), reason="waagent is not installed on this machine")
def test_the_file_that_debian_ships_is_understood_whole() -> None:
    config = load_config(disk(conf=DEBIAN_CONF.read_bytes()))
    assert config.notes == ()


def test_the_table_is_consistent() -> None:
    for row in SETTINGS.values():
        assert getattr(Config(), row.attribute) == row.default
        assert row.help.endswith(".")
        if row.default is not None:
            written = str(row.default) if isinstance(row.default, Path) else row.default
            written = list(written) if isinstance(written, tuple) else written
            assert row.kind.read(written) == row.default


def test_every_setting_has_an_effect() -> None:
    tables = {
        "agent_settings.py",
        "boot_settings.py",
        "duty_settings.py",
        "config_command.py",
        "settings_page.py",
    }
    lines = [
        line
        for path in SOURCE.rglob("*.py")
        if path.name not in tables
        for line in path.read_text(encoding="utf-8").splitlines()
        if not re.match(r"\s*(from|import) ", line)
    ]
    code = "\n".join(lines)
    assert [row.name for row in SETTINGS.values() if not re.search(rf"\.{row.attribute}\b", code)] == []


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().goal_state_period = 1  # type: ignore[misc]


def test_without_limpet_toml_its_parser_is_not_loaded() -> None:
    code = (
        "import sys, json\n"
        "from limpet.config.load import load_config\n"
        "class Disk:\n"
        "    def read(self, path, *, at_most):\n"
        "        raise FileNotFoundError\n"
        "load_config(Disk())\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)
    assert not set(json.loads(done.stdout)) & {"tomllib", "difflib", "argparse"}


@pytest.mark.parametrize(
    "options",
    [
        ["guest_shell.dns=one,two"],
        ["guest_shell.dns=::1"],
        ["guest_shell.dns=10.0.0.1,"],
        ["guest_shell.gateway=192.168.35.0/24"],
        ["guest_shell.gateway=192.168.35.255/24"],
        ["guest_shell.gateway=127.0.0.1/8"],
        ["guest_shell.gateway=224.0.0.1/24"],
        ["guest_shell.gateway=169.254.1.1/24"],
        ["guest_shell.gateway=168.63.129.1/24"],
        ["guest_shell.gateway=10.9.0.1/24"],
        ["guest_shell.address=192.168.35.1/24"],
        ["guest_shell.address=192.168.35.2/25"],
    ],
)
def test_addresses_with_which_the_guest_shell_would_reach_nobody_stop_the_start(options: list[str]) -> None:
    with pytest.raises(ConfigurationError, match=r"guest_shell\."):
        load_config(disk(), options=options)


def test_a_path_that_begins_with_several_slashes_begins_with_one() -> None:
    config = load_config(disk(conf="Lib.Dir=//etc\n"), options=["agent.log_dir = //var///log"])
    assert [str(config.library), str(config.log_dir)] == ["/etc", "/var/log"]


def test_the_guest_ports_addresses_and_name_servers_are_taken_as_they_are_written() -> None:
    options = [
        "guest_shell.gateway=10.9.0.1/30",
        "guest_shell.address=10.9.0.2/30",
        "guest_shell.dns=10.0.0.1, 10.0.0.2",
    ]
    config = load_config(disk(), options=options)
    assert (config.guest_gateway, config.guest_address) == ("10.9.0.1/30", "10.9.0.2/30")
    assert config.guest_dns == "10.0.0.1,10.0.0.2"
