"""One handler through its life. Source: extensions.md §3.6, §4, §5.1."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.scenario.handlers import SAMPLE, TENANT, disable, enable, uninstall
from tests.scenario.stage import Stage, stage

from limpet.host.ports import Completed
from limpet.model.errors import Code
from limpet.model.manifest import HandlerState


def settings_file(play: Stage, number: int) -> Any:
    document = json.loads(play.files.read(play.folder().config / f"{number}.settings", at_most=10_000))
    return document["runtimeSettings"][0]["handlerSettings"]


def test_a_handler_is_installed_and_enabled_with_its_settings() -> None:
    play = stage()
    play.host()
    play.publish(enable(public={"a": 1}, protected="MIIB=="))
    play.turn()
    assert play.played == ["Sample-1.0.0 install", "Sample-1.0.0 enable"]
    assert settings_file(play, 0) == {
        "publicSettings": {"a": 1},
        "protectedSettings": "MIIB==",
        "protectedSettingsCertThumbprint": TENANT,
    }
    assert play.entry().status == "Ready"
    assert play.entry().code == 0
    assert play.message() == "Plugin enabled"
    assert play.state() == "success"
    assert play.aggregate.status == "Success"


def test_settings_are_there_before_install_and_private() -> None:
    play = stage()
    play.host()
    play.publish(enable(protected="MIIB=="))
    modes: list[int] = []

    def look(_: object) -> None:
        info = play.files.info(play.folder().config / "0.settings")
        assert info is not None
        modes.append(info.mode)

    play.parts["install"] = look
    play.turn()
    assert modes == [0o600]


def test_the_same_goal_state_again_runs_nothing() -> None:
    play = stage()
    play.enabled()
    play.live(120)
    assert play.played == []


def test_new_settings_run_enable_once_with_rewritten_settings() -> None:
    play = stage()
    play.enabled()
    play.files.replace(play.folder().config / "0.settings", b"scrubbed")
    play.publish(enable(public={"a": 2}))
    play.live(60)
    assert play.played == ["Sample-1.0.0 enable"]
    assert settings_file(play, 1)["publicSettings"] == {"a": 2}
    entry = play.entry().settings
    assert entry is not None
    assert entry.sequence_number == 1


def test_settings_that_a_handler_has_scrubbed_are_rewritten_for_the_next_goal_state() -> None:
    play = stage()
    play.enabled()
    play.files.replace(play.folder().config / "0.settings", b"scrubbed")
    play.publish(enable(public={"a": 1}, sequence=0))
    play.turn()
    assert play.played == ["Sample-1.0.0 enable"]
    assert settings_file(play, 0)["publicSettings"] == {"a": 1}


def test_a_handler_without_settings_gets_an_empty_file_and_number_zero() -> None:
    play = stage()
    play.host()
    change = enable(bare=True)
    play.publish(change)
    play.turn()
    assert play.files.read(play.folder().config / "0.settings", at_most=10) == b""
    assert [run.environment["ConfigSequenceNumber"] for run in play.runs] == ["0", "0"]
    assert play.entry().settings is None
    assert play.entry().status == "Ready"


def test_commands_get_the_variables_of_the_contract() -> None:
    play = stage()
    play.host()
    play.publish(enable(sequence=7))
    play.turn()
    install, enabled = play.runs
    for run in (install, enabled):
        found = run.environment
        assert found["AZURE_GUEST_AGENT_EXTENSION_PATH"] == str(play.folder().path)
        assert found["AZURE_GUEST_AGENT_EXTENSION_VERSION"] == "1.0.0"
        assert found["AZURE_GUEST_AGENT_WIRE_PROTOCOL_ADDRESS"] == "168.63.129.16"
        assert found["ConfigSequenceNumber"] == "7"
        assert found["AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE"] == "NOT_RUN"
        assert "ConfigExtensionName" not in found
        features = json.loads(str(found["AZURE_GUEST_AGENT_EXTENSION_SUPPORTED_FEATURES"]))
        assert features == [{"Key": "ExtensionTelemetryPipeline", "Value": "1.0"}]


def test_commands_have_the_time_of_the_contract() -> None:
    play = stage()
    play.enabled()
    play.publish(uninstall())
    play.turn()
    ran = [(run.command.rpartition("/")[2], run.timeout) for run in play.machine.processes.ran]
    assert ran == [("install", 900), ("enable", 300), ("disable", 900), ("uninstall", 300)]


def test_a_handler_finds_its_folders() -> None:
    play = stage()
    play.enabled()
    folder = play.folder()
    text = play.files.read(folder.environment_file, at_most=10_000).decode()
    inner = json.loads(text)[0]["handlerEnvironment"]
    for kind in ("config", "status"):
        assert inner[f"{kind}Folder"] == str(folder.path / kind)
    for path in (folder.config, folder.status, folder.log_folder, folder.events):
        info = play.files.info(path)
        assert info is not None
        assert info.is_folder
    assert '"logFolder": "/var/log/azure/Contoso.Sample", ' in text


@pytest.mark.parametrize(
    ("operation", "code"), [("install", Code.INSTALL), ("enable", Code.ENABLE)], ids=["install", "enable"]
)
def test_a_command_that_fails_is_reported_with_its_code_and_output(operation: str, code: Code) -> None:
    play = stage()
    play.host()
    play.parts[operation] = Completed(exit_code=51, stdout=b"checking", stderr=b"no such system", seconds=0)
    play.publish(enable())
    play.turn()
    assert play.entry().status == "NotReady"
    assert play.entry().code == code
    assert play.message().startswith(
        f"Non-zero exit code: 51, /var/lib/waagent/Contoso.Sample-1.0.0/bin/{operation}"
    )
    assert "[stdout]\nchecking" in play.message()
    assert "[stderr]\nno such system" in play.message()
    assert play.aggregate.status == "Success"  # of the goal state as a whole


def test_a_failed_install_is_not_followed_by_enable_and_leaves_the_extension_without_status() -> None:
    play = stage()
    play.host()
    play.parts["install"] = 1
    play.publish(enable())
    play.turn()
    assert play.played == ["Sample-1.0.0 install"]
    assert play.entry().settings is None


def test_a_failed_enable_leaves_the_extension_transitioning_on_the_agents_behalf() -> None:
    play = stage()
    play.host()
    play.parts["enable"] = 1
    play.publish(enable())
    play.turn()
    assert play.state() == "transitioning"
    settings = play.entry().settings
    assert settings is not None
    assert settings.status.message is not None
    assert "reported by the Guest Agent" in settings.status.message.message


@pytest.mark.parametrize("operation", ["install", "enable"])
def test_a_command_beyond_its_time_is_reported_as_timed_out(operation: str) -> None:
    play = stage()
    play.host()
    play.parts[operation] = lambda _: play.clock.sleep(1000)
    play.publish(enable())
    play.turn()
    seconds = {"install": 900, "enable": 300}[operation]
    assert play.entry().code == Code.TIMED_OUT
    assert play.message().startswith(f"Timeout({seconds}): /var/lib/waagent/Contoso.Sample-1.0.0/bin/")


def test_a_failed_handler_is_tried_again_with_the_next_goal_state_and_not_before() -> None:
    play = stage()
    play.host()
    play.parts["install"] = 1
    play.publish(enable())
    play.live(60)
    assert play.played == ["Sample-1.0.0 install"]
    play.parts.clear()
    play.publish(enable())
    play.turn()
    assert play.played == ["Sample-1.0.0 install", "Sample-1.0.0 enable"]
    assert play.entry().status == "Ready"


def test_a_command_that_cannot_be_executed_says_why() -> None:
    play = stage()
    play.host()
    play.parts["install"] = 126
    play.publish(enable())
    play.turn()
    assert "permission denied, or a mount with noexec" in play.message()


def test_a_command_that_the_manifest_lacks_is_an_error_only_when_it_is_needed() -> None:
    play = stage()
    play.enabled(uninstallCommand=None, updateCommand=None)
    play.publish(enable())
    play.turn()
    assert play.entry().status == "Ready"
    play.host("Contoso.Other", enableCommand=None)
    play.publish(enable("Contoso.Other"))
    play.turn()
    assert play.message("Contoso.Other") == "HandlerManifest.json of Contoso.Other has no enableCommand"
    assert play.entry("Contoso.Other").code == -1


def test_a_handler_that_is_disabled_runs_disable_once() -> None:
    play = stage()
    play.enabled()
    play.publish(disable())
    play.turn()
    play.publish()
    play.turn()
    assert play.played == ["Sample-1.0.0 disable"]
    assert play.message() == "Plugin disabled"
    assert play.store.state(play.folder()) is HandlerState.INSTALLED


def test_a_disabled_handler_is_enabled_again_without_install() -> None:
    play = stage()
    play.enabled()
    play.publish(disable())
    play.turn()
    play.publish(enable())
    play.turn()
    assert play.played == ["Sample-1.0.0 disable", "Sample-1.0.0 enable"]


def test_an_uninstalled_handler_vanishes_from_the_report_and_from_the_disk() -> None:
    play = stage()
    play.enabled()
    play.publish(uninstall())
    play.turn()
    assert play.played == ["Sample-1.0.0 disable", "Sample-1.0.0 uninstall"]
    assert play.entries() == []
    assert play.files.info(play.folder().path) is None
    assert play.files.info(play.folder().log_folder) is not None


def test_an_uninstall_that_fails_does_not_keep_the_handler() -> None:
    play = stage()
    play.enabled()
    play.parts["uninstall"] = 1
    play.publish(uninstall())
    play.turn()
    assert play.entries() == []
    assert play.files.info(play.folder().path) is None


def test_a_disable_that_fails_stops_the_uninstall() -> None:
    play = stage()
    play.enabled()
    play.parts["disable"] = 3
    play.publish(uninstall())
    play.turn()
    assert play.played == ["Sample-1.0.0 disable"]
    assert play.entry().code == Code.DISABLE
    assert play.store.state(play.folder()) is HandlerState.ENABLED


def test_uninstalling_what_is_not_here_runs_nothing_and_reports_nothing() -> None:
    play = stage()
    play.host()
    play.parts["install"] = 1
    play.publish(enable())
    play.turn()
    play.runs.clear()
    play.publish(uninstall())
    play.turn()
    assert play.played == []
    assert play.entries() == []


def test_a_handler_that_vanishes_from_the_goal_state_is_removed_without_commands() -> None:
    play = stage()
    play.enabled()
    play.publish(anew=True)
    play.turn()
    assert play.played == []
    assert play.files.info(play.folder().path) is None
    assert play.entries() == []


def test_folders_that_are_not_handlers_stay_when_handlers_vanish() -> None:
    play = stage()
    play.enabled()
    foreign = [
        "custom-script",
        "backup-2024",
        "data-20240101123456789",
        "events",
        "tool-1.2.3.4.5.6.7.8.9.10",
    ]
    for name in foreign:
        play.files.make_folder(play.folder().path.parent / name / "download")
    play.publish(anew=True)
    play.turn()
    for name in foreign:
        assert play.files.info(play.folder().path.parent / name) is not None, name


def test_extensions_disabled_by_configuration_are_refused_with_the_key_to_change() -> None:
    play = stage(extensions_enabled=False)
    play.host()
    play.publish(enable())
    play.turn()
    assert play.played == []
    assert play.entry().code == Code.ENABLE
    assert "extensions.enabled = true" in play.message()
    assert play.state() == "error"


def test_what_an_extension_said_before_it_was_refused_is_no_answer_any_more() -> None:
    play = stage()
    play.enabled()
    play.config = replace(play.config, extensions_enabled=False)
    play.restart()
    play.publish(enable(sequence=0))
    play.turn()
    assert play.played == []
    assert play.state() == "error"
    assert play.entry().code == Code.ENABLE


def test_extensions_disabled_by_configuration_are_not_uninstalled_either() -> None:
    play = stage()
    play.enabled()
    play.config = type(play.config)(
        library=play.config.library, log_dir=play.config.log_dir, extensions_enabled=False
    )
    play.restart()
    play.publish(uninstall())
    play.turn()
    assert play.played == []
    assert play.entry().code == Code.DISABLE
    assert play.files.info(play.folder().path) is not None


def test_what_was_run_is_in_the_handlers_command_log() -> None:
    play = stage()
    play.host()
    play.parts["enable"] = Completed(exit_code=2, stdout=b"out", stderr=b"err", seconds=0)
    play.publish(enable())
    play.turn()
    text = play.files.read(play.folder().command_log(None), at_most=100_000).decode()
    assert "run install: /var/lib/waagent/Contoso.Sample-1.0.0/bin/install\nexit code 0 after" in text
    assert "exit code 2 after" in text
    assert "[stderr]\nerr" in text


def test_a_prefix_of_a_version_gets_the_newest_that_is_published() -> None:
    play = stage()
    for version in ("2.1.0", "2.1.19", "2.2.0"):
        play.host(SAMPLE, version)
    play.publish(enable(version="2.1"))
    play.turn()
    assert play.played == ["Sample-2.1.19 install", "Sample-2.1.19 enable"]
    assert play.entry().version == "2.1.19"


def test_a_version_that_is_not_published_is_reported_with_what_there_is() -> None:
    play = stage()
    play.host(SAMPLE, "1.0.0")
    play.publish(enable(version="3.0.0"))
    play.turn()
    assert play.entry().code == -1
    assert play.message().startswith(
        "Version 3.0.0 of Contoso.Sample is not in its manifest (offered: 1.0.0)"
    )
