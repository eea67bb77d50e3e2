"""From one version of a handler to another. Source: extensions.md §3.7."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.scenario.handlers import SAMPLE, disable, enable, status_file, uninstall
from tests.scenario.stage import Stage, stage

from limpet.model.errors import Code
from limpet.model.manifest import HandlerState

if TYPE_CHECKING:
    from limpet.host.fake_work import Invocation

UP = ["Sample-1.0.0 disable", "Sample-2.0.0 update", "Sample-1.0.0 uninstall", "Sample-2.0.0 install", "Sample-2.0.0 enable"]  # fmt: skip
DOWN = ["Sample-2.0.0 disable", "Sample-2.0.0 update", "Sample-2.0.0 uninstall", "Sample-1.0.0 install", "Sample-1.0.0 enable"]  # fmt: skip
LEAVING = "AZURE_GUEST_AGENT_UPDATING_FROM_VERSION"
DISABLED = "AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODE"
UNINSTALLED = "AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE"


def updating(old: str = "1.0.0", new: str = "2.0.0", **members: object) -> Stage:
    """A stage on which `old` is enabled and `new` was published. members: of the new version's manifest."""
    play = stage()
    play.enabled(SAMPLE, old)
    play.host(SAMPLE, new, **members)
    play.publish(enable(version=new))
    return play


def environment(play: Stage, run: str) -> dict[str, str]:
    return next(dict(each.environment) for each in play.runs if str(each) == run)


def test_an_upgrade_runs_the_commands_of_both_versions_in_order() -> None:
    play = updating()
    play.turn()
    assert [str(run) for run in play.runs] == UP
    update = environment(play, "Sample-2.0.0 update")
    assert (update["VERSION"], update[LEAVING], update[DISABLED]) == ("2.0.0", "1.0.0", "0")
    assert environment(play, "Sample-2.0.0 install")[UNINSTALLED] == "0"
    assert environment(play, "Sample-2.0.0 enable")[UNINSTALLED] == "0"
    assert play.entry().version == "2.0.0"
    assert play.files.info(play.folder().path) is None


def test_a_downgrade_runs_the_old_versions_update() -> None:
    play = updating("2.0.0", "1.0.0")
    play.turn()
    assert [str(run) for run in play.runs] == DOWN
    update = environment(play, "Sample-2.0.0 update")
    assert (update["VERSION"], update[LEAVING]) == ("1.0.0", "1.0.0")


def test_an_update_without_install_runs_none() -> None:
    play = updating(updateMode="UpdateWithoutInstall")
    play.turn()
    assert play.played == [run for run in UP if run != "Sample-2.0.0 install"]
    assert play.store.state(play.folder(version="2.0.0")) is HandlerState.ENABLED


def test_a_disabled_version_is_not_disabled_again_by_an_update() -> None:
    play = stage()
    play.enabled()
    play.store.set_state(play.folder(), HandlerState.INSTALLED)
    play.host(version="2.0.0")
    play.publish(enable(version="2.0.0"))
    play.turn()
    assert environment(play, "Sample-2.0.0 update")[DISABLED] == "NOT_RUN"
    assert play.played == UP[1:]


def test_mrseq_and_status_are_carried_over_before_the_update_runs() -> None:
    play = updating()
    old = play.folder()
    play.files.replace(old.path / "mrseq", b"7")
    play.files.replace(old.status / "7.status", status_file("success"))
    play.files.link(old.status / "loop.status", old.status)
    seen: list[bytes] = []

    def look(run: Invocation) -> None:
        seen.append(play.files.read(run.folder / "mrseq", at_most=10))
        seen.append(play.files.read(run.folder / "status" / "7.status", at_most=10_000))
        assert play.files.info(old.path) is not None
        assert play.files.info(run.folder / "status" / "loop.status") is None

    play.parts["update"] = look
    play.turn()
    assert seen == [b"7", status_file("success")]


def test_a_status_file_too_large_to_be_read_is_not_carried_over() -> None:
    play = updating()
    play.files.replace(play.folder().status / "9.status", bytes(17 * 1024 * 1024))
    play.turn()
    assert play.entry().status == "Ready"
    assert play.files.info(play.folder(version="2.0.0").status / "9.status") is None


@pytest.mark.parametrize("operation", ["disable", "uninstall"])
def test_a_failing_command_of_the_old_version_stops_the_update(operation: str) -> None:
    play = updating()
    play.parts[f"{SAMPLE}-1.0.0 {operation}"] = 4
    play.turn()
    assert play.played == UP[: UP.index(f"Sample-1.0.0 {operation}") + 1]
    assert play.entry().code == Code.UPDATE
    assert play.entry().version == "2.0.0"
    assert f"Non-zero exit code: 4, /var/lib/waagent/{SAMPLE}-1.0.0/bin/{operation}" in play.message()
    assert play.files.info(play.folder().path) is not None


@pytest.mark.parametrize("flag", [True, "true", "True"])
def test_an_update_that_shall_continue_tells_the_new_version_how_the_old_ones_commands_ended(
    flag: object,
) -> None:
    play = updating(continueOnUpdateFailure=flag)
    play.parts[f"{SAMPLE}-1.0.0 disable"] = 4
    play.parts[f"{SAMPLE}-1.0.0 uninstall"] = lambda _: play.clock.sleep(301)
    play.turn()
    assert environment(play, "Sample-2.0.0 update")[DISABLED] == "4"
    assert environment(play, "Sample-2.0.0 install")[UNINSTALLED] == str(int(Code.TIMED_OUT))
    assert environment(play, "Sample-2.0.0 enable")[UNINSTALLED] == str(int(Code.TIMED_OUT))
    assert play.played == UP
    assert play.entry().status == "Ready"


def test_the_flag_to_continue_is_that_of_the_new_version() -> None:
    play = stage()
    play.enabled(continueOnUpdateFailure=True)
    play.host(version="2.0.0")
    play.publish(enable(version="2.0.0"))
    play.parts[f"{SAMPLE}-1.0.0 disable"] = 4
    play.turn()
    assert play.played == UP[:1]


def test_an_update_that_shall_continue_does_so_without_a_command_that_the_old_version_lacks() -> None:
    play = stage()
    play.enabled(disableCommand=None)
    play.host(version="2.0.0", continueOnUpdateFailure=True)
    play.publish(enable(version="2.0.0"))
    play.turn()
    assert environment(play, "Sample-2.0.0 update")[DISABLED] == "-1"
    assert play.entry().status == "Ready"


def test_a_failing_update_is_reported_and_begun_anew_by_the_next_goal_state() -> None:
    play = updating()
    play.parts["update"] = 5
    play.live(30)
    assert play.played == UP[:2]
    assert play.entry().code == Code.UPDATE
    assert play.store.state(play.folder(version="2.0.0")) is HandlerState.FAILED_UPGRADE
    play.parts.clear()
    play.publish(enable())
    play.turn()
    assert play.played == UP[1:]
    assert play.entry().status == "Ready"


def test_after_a_failed_update_the_old_version_can_be_wanted_again() -> None:
    play = updating()
    play.parts["update"] = 5
    play.turn()
    play.runs.clear()
    play.publish(enable(version="1.0.0"))
    play.turn()
    assert play.played == ["Sample-1.0.0 enable"]
    assert play.entry().version == "1.0.0"
    assert play.entry().status == "Ready"


def test_what_a_failed_downgrade_has_carried_over_is_there_when_the_version_is_installed() -> None:
    play = updating("2.0.0", "1.0.0")
    play.files.replace(play.folder(version="2.0.0").path / "mrseq", b"7")
    play.parts["update"] = 5
    play.turn()
    play.runs.clear()
    seen: list[bytes] = []
    play.parts["install"] = lambda run: seen.append(play.files.read(run.folder / "mrseq", at_most=10))
    play.publish(enable(version="1.0.0"))
    play.turn()
    assert play.played == ["Sample-1.0.0 install", "Sample-1.0.0 enable"]
    assert seen == [b"7"]  # without it the handler would do again what it has done


def test_disabling_after_a_failed_update_disables_the_version_that_is_enabled() -> None:
    play = updating()
    play.parts["update"] = 5
    play.turn()
    play.publish(enable(version="1.0.0"))
    play.turn()
    play.runs.clear()
    play.publish(disable())
    play.turn()
    assert play.played == ["Sample-1.0.0 disable"]
    assert play.store.state(play.folder()) is HandlerState.INSTALLED


def test_uninstalling_after_a_failed_update_leaves_neither_version_here_nor_in_the_report() -> None:
    play = updating()
    play.parts["update"] = 5
    play.turn()
    play.runs.clear()
    play.publish(uninstall())
    play.turn()
    assert play.played == ["Sample-2.0.0 uninstall", "Sample-1.0.0 uninstall"]
    assert play.entries() == []
    assert play.store.installed() == ()


def test_uninstalling_after_a_failed_download_of_a_new_version_leaves_nothing_in_the_report() -> None:
    play = stage()
    play.enabled()
    play.publish(enable(version="3.0.0"))
    play.turn()
    assert play.entry().status == "NotReady"
    play.publish(uninstall())
    play.turn()
    assert play.played == ["Sample-1.0.0 disable", "Sample-1.0.0 uninstall"]
    assert play.entries() == []


def test_a_failed_download_of_a_new_version_leaves_the_old_one_enabled() -> None:
    play = updating()
    play.core.fail("blob-download", status=404)
    play.core.fail("extension-artifact", status=404)
    play.turn()
    assert play.played == []
    assert play.store.state(play.folder()) is HandlerState.ENABLED


def test_the_download_is_over_before_the_old_version_is_touched() -> None:
    play = updating()
    order: list[str] = []
    play.parts[f"{SAMPLE}-1.0.0 disable"] = lambda _: order.append("disable")
    play.core.alter("blob-download", lambda body: (order.append("download"), body)[1])  # type: ignore[func-returns-value]
    play.turn()
    assert order == ["download", "download", "disable"]  # manifest and package


def test_a_folder_of_the_old_version_that_cannot_go_does_not_keep_the_new_one_from_being_installed() -> None:
    play = stage()
    play.enabled()
    play.host(version="2.0.0")
    old = play.folder(version="1.0.0")

    def mounted(_: Invocation) -> None:
        play.files.broken[old.path] = "Device or resource busy"

    play.parts["Contoso.Sample-1.0.0 uninstall"] = mounted
    play.publish(enable(version="2.0.0"))
    play.turn()
    assert (play.entry().version, play.entry().status) == ("2.0.0", "Ready")
    assert play.store.state(old) is HandlerState.NOT_INSTALLED
    assert "Device or resource busy" in play.log.of("handler.left_over")[0]["problem"]
    play.runs.clear()
    play.publish(enable(version="2.0.0"))
    play.turn()
    assert play.played == ["Sample-2.0.0 enable"]
    assert [entry.version for entry in play.entries()] == ["2.0.0"]
