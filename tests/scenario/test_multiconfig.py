"""Handlers with several extensions. Source: extensions.md §3.11."""

from __future__ import annotations

import json

import pytest
from tests.scenario.handlers import SAMPLE, enable, uninstall, withdraw
from tests.scenario.stage import Stage, stage

from limpet.model.errors import Code
from limpet.model.extensions import Source
from limpet.model.manifest import HandlerState

CODES = "AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODES_MULTIPLE_EXTENSIONS"


def two(play: Stage | None = None) -> Stage:
    """A stage on which two extensions of one handler are enabled."""
    play = play or stage()
    play.host(supportsMultipleExtensions=True)
    play.publish(enable(extension="first"), enable(extension="second"))
    play.turn()
    return play


def test_a_handler_is_installed_once_and_enabled_for_each_extension() -> None:
    play = two()
    assert play.played == ["Sample-1.0.0 install first", "Sample-1.0.0 enable first", "Sample-1.0.0 enable second"]  # fmt: skip
    assert {entry.settings.extension_name for entry in play.entries() if entry.settings} == {
        "first",
        "second",
    }
    assert play.state(extension="first") == "success"
    for name in ("first", "second"):
        assert play.files.info(play.folder().config / f"{name}.0.settings") is not None
        assert play.store.extension_enabled(play.folder(), name)


def test_a_handler_that_cannot_have_several_is_a_configuration_error_on_each() -> None:
    play = stage()
    play.host()
    play.publish(enable(extension="first"), enable(extension="second"))
    play.turn()
    assert play.played == []
    assert "supportsMultipleExtensions" in play.message(extension="first")
    assert play.state(extension="first") == "error"
    assert play.state(extension="second") == "error"


def test_one_of_two_extensions_is_disabled_and_forgotten() -> None:
    play = two()
    play.runs.clear()
    play.publish(withdraw(SAMPLE, "first"))
    play.turn()
    assert play.played == ["Sample-1.0.0 disable first", "Sample-1.0.0 enable second"]
    assert [e.settings.extension_name for e in play.entries() if e.settings] == ["second"]
    folder = play.folder()
    assert not [name for name in play.files.names(folder.config) if name.startswith("first.")]
    assert not [name for name in play.files.names(folder.status) if name.startswith("first.")]
    assert play.store.state(folder) is HandlerState.ENABLED


def test_the_last_extension_that_goes_leaves_the_handler_installed() -> None:
    play = two()
    play.publish(withdraw(SAMPLE, "first"), withdraw(SAMPLE, "second"))
    play.turn()
    assert play.store.state(play.folder()) is HandlerState.INSTALLED
    assert (play.entry().status, play.message(), play.entry().settings) == (
        "NotReady",
        "Plugin disabled",
        None,
    )


def test_a_failing_disable_of_one_extension_does_not_keep_it() -> None:
    play = two()
    play.parts["disable"] = 1
    play.publish(withdraw(SAMPLE, "first"))
    play.turn()
    assert not play.store.extension_enabled(play.folder(), "first")
    assert [e.settings.extension_name for e in play.entries() if e.settings] == ["second"]


def test_a_failing_enable_of_one_extension_is_its_own_error() -> None:
    play = stage()
    play.host(supportsMultipleExtensions=True)
    play.parts["enable first"] = 9
    play.publish(enable(extension="first"), enable(extension="second"))
    play.turn()
    assert play.state(extension="first") == "error"
    settings = play.entry(extension="first").settings
    assert settings is not None
    assert settings.status.code == Code.ENABLE
    assert play.state(extension="second") == "success"
    assert play.entry(extension="second").status == "Ready"


def test_a_failing_install_is_not_repeated_for_the_second_extension() -> None:
    play = stage()
    play.host(supportsMultipleExtensions=True)
    play.parts["install"] = 9
    play.publish(enable(extension="first"), enable(extension="second"))
    play.turn()
    assert play.played == ["Sample-1.0.0 install first"]
    for name in ("first", "second"):
        assert play.entry(extension=name).code == Code.INSTALL
        assert play.state(extension=name) == "error"


def test_a_failing_update_is_not_repeated_for_the_second_extension() -> None:
    play = two()
    play.runs.clear()
    play.host(version="2.0.0", supportsMultipleExtensions=True)
    play.parts["update"] = 9
    play.publish(enable(extension="first", version="2.0.0"), enable(extension="second", version="2.0.0"))
    play.turn()
    assert play.played == [
        "Sample-1.0.0 disable first",
        "Sample-1.0.0 disable second",
        "Sample-2.0.0 update first",
    ]


def test_an_update_disables_each_extension_and_enables_each_again() -> None:
    play = two()
    play.runs.clear()
    play.host(version="2.0.0", supportsMultipleExtensions=True)
    play.publish(enable(extension="first", version="2.0.0"), enable(extension="second", version="2.0.0"))
    play.turn()
    update = next(run for run in play.runs if run.operation == "update")
    assert json.loads(update.environment[CODES]) == [
        {"extensionName": "first", "exitCode": "0"},
        {"extensionName": "second", "exitCode": "0"},
    ]
    assert play.played == [
        "Sample-1.0.0 disable first",
        "Sample-1.0.0 disable second",
        "Sample-2.0.0 update first",
        "Sample-1.0.0 uninstall first",
        "Sample-2.0.0 install first",
        "Sample-2.0.0 enable first",
        "Sample-2.0.0 enable second",
    ]


def test_settings_that_cannot_be_used_concern_one_extension() -> None:
    play = two()
    play.runs.clear()
    play.publish(enable(extension="first", protected="MII=", thumbprint="C" * 40), enable(extension="second"))
    play.turn()
    assert play.played == ["Sample-1.0.0 enable second"]
    assert play.state(extension="first") == "error"
    assert play.entry(extension="second").status == "Ready"


@pytest.mark.parametrize("source", [Source.FABRIC, Source.FAST_TRACK])
@pytest.mark.parametrize("name", ["first", "second"])
def test_an_unknown_state_concerns_one_extension(source: Source, name: str) -> None:
    play = stage()
    play.host(supportsMultipleExtensions=True)
    play.publish(enable(extension="first"), enable(extension="second"), source=source)

    def in_xml(body: bytes) -> bytes:
        return body.replace(
            b'name="%b" state="enabled"' % name.encode(), b'name="%b" state="on"' % name.encode()
        )

    def in_json(body: bytes) -> bytes:
        document = json.loads(body or b'{"extensionGoalStates": []}')
        for handler in document["extensionGoalStates"]:
            for entry in handler["settings"]:
                entry["extensionState"] = "on" if entry["extensionName"] == name else "enabled"
        return json.dumps(document).encode() if body else body

    play.core.alter("extensions-config", in_xml)
    play.core.alter("vm-settings", in_json)
    play.live(20)
    other = "second" if name == "first" else "first"
    assert play.played == [f"Sample-1.0.0 install {other}", f"Sample-1.0.0 enable {other}"]
    assert play.state(extension=other) == "success"
    assert play.state(extension=name) == "error"
    settings = play.entry(extension=name).settings
    assert settings is not None
    assert settings.status.message is not None
    assert f"The extension {name!r} of {SAMPLE} has an unknown state 'on'" in settings.status.message.message
    assert play.message(extension=name) == "Plugin enabled"


def test_uninstalling_disables_every_enabled_extension_with_its_number() -> None:
    play = two()
    play.publish(enable(extension="first"), enable(extension="second"))
    play.turn()
    play.runs.clear()
    play.publish(uninstall())
    play.turn()
    numbers = [run.environment["ConfigSequenceNumber"] for run in play.runs if run.operation == "disable"]
    assert numbers == ["1", "1"]
    assert [each.split()[1] for each in play.played] == ["disable", "disable", "uninstall"]
    assert play.entries() == []


def test_uninstalling_by_a_goal_state_that_names_no_extension_disables_each_once() -> None:
    play = two()
    play.runs.clear()
    play.core.alter("extensions-config", without_settings)
    play.publish(uninstall())
    play.turn()
    assert play.played == [
        "Sample-1.0.0 disable first",
        "Sample-1.0.0 disable second",
        "Sample-1.0.0 uninstall",
    ]


def without_settings(body: bytes) -> bytes:
    return body.partition(b"<PluginSettings>")[0] + body.partition(b"</PluginSettings>")[2]


def test_what_is_on_disk_is_reported_with_the_newest_settings_of_each_extension() -> None:
    play = two()
    play.publish(enable(extension="first"))
    play.turn()
    play.publish(required_features=("Teleportation",))
    play.turn()
    numbers = {e.settings.extension_name: e.settings.sequence_number for e in play.entries() if e.settings}
    assert numbers == {"first": 1, "second": 0}
