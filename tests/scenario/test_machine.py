"""What the machine does to the agent: restarts, full and broken disks, handlers that leave strange things."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.scenario.handlers import SAMPLE, enable, manifest, uninstall
from tests.scenario.stage import LAYOUT, LIBRARY, stage

from limpet.host.ports import Completed
from limpet.model.errors import Code
from limpet.model.extensions import Source

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.fake_work import Invocation

HANDLER = LAYOUT.handler(SAMPLE, "1.0.0")
WORKED = ["Sample-1.0.0 install", "Sample-1.0.0 enable"]


def test_a_restart_enables_again_and_installs_nothing() -> None:
    play = stage()
    play.enabled()
    play.restart()
    play.live(30)
    assert play.played == ["Sample-1.0.0 enable"]
    assert play.state() == "success"


def test_a_restart_while_an_extension_is_in_transition_reports_it_as_it_goes_on() -> None:
    play = stage()
    play.host()

    def begin(run: Invocation) -> None:
        play.say(run, "transitioning", "downloading")
        play.clock.after(60, lambda: play.say(run, "success", "done"))

    play.parts["enable"] = begin
    play.publish(enable())
    play.turn()
    assert play.state() == "transitioning"
    play.parts["enable"] = 0  # it is still at it
    play.restart()
    play.turn()
    assert play.state() == "transitioning"
    play.live(70)
    assert play.state() == "success"


def test_a_command_that_an_earlier_agent_left_running_has_ended_before_another_runs() -> None:
    play = stage()
    play.enabled()
    play.machine.processes.earlier = ("Contoso.Sample-0.9.0", 100.0)
    play.restart()
    began = play.clock.monotonic()
    times: list[float] = []
    play.parts["enable"] = lambda _: times.append(play.clock.monotonic() - began)
    play.turn()
    assert len(times) == 1
    assert times[0] >= 100
    assert len(play.log.of("handler.earlier_command_ended")) == 1


def test_while_the_command_of_an_earlier_agent_is_waited_for_the_status_says_so() -> None:
    play = stage()
    for name in (SAMPLE, "Contoso.Other"):
        play.host(name)
    play.publish(enable(), enable("Contoso.Other"))
    play.turn()

    def says() -> tuple[str, ...]:
        play.agent.reporter.report(last=True)
        return play.status.message.message, play.message(), play.message("Contoso.Other")

    idle = says()
    waiting: list[tuple[str, ...]] = []
    play.machine.processes.earlier = ("Contoso.Sample-0.9.0", 290.0)
    play.restart()
    play.clock.after(100, lambda: waiting.append(says()))
    play.turn()
    text = (
        "a command that an earlier agent has left running in Contoso.Sample-0.9.0 is waited for "
        "before any other is run, for at most 290 s"
    )
    assert waiting == [(f"{idle[0]}; {text}", f"{idle[1]}; {text}", idle[2])]
    assert says() == idle
    assert len(play.log.of("handler.earlier_command")) == 1


def test_a_restart_in_the_middle_of_an_install_installs_again() -> None:
    play = stage()
    play.host()

    def cut(_: Invocation) -> None:
        raise KeyboardInterrupt  # as a kill does: nothing after it happens

    play.parts["install"] = cut
    play.publish(enable())
    with pytest.raises(KeyboardInterrupt):
        play.turn()
    play.parts.clear()
    play.runs.clear()
    play.restart()
    play.turn()
    assert play.played == WORKED
    assert play.entry().status == "Ready"


@pytest.mark.parametrize("operation", ["disable", "update", "uninstall", "install", "enable"])
def test_a_restart_in_the_middle_of_an_update_brings_it_to_its_end(operation: str) -> None:
    play = stage()
    play.enabled()
    play.host(version="2.0.0")

    def cut(_: Invocation) -> None:
        raise KeyboardInterrupt

    old = operation in {"disable", "uninstall"}
    play.parts[f"{SAMPLE}-{'1.0.0' if old else '2.0.0'} {operation}"] = cut
    play.publish(enable(version="2.0.0"))
    with pytest.raises(KeyboardInterrupt):
        play.turn()
    play.parts.clear()
    play.restart()
    play.turn()
    assert play.entry().version == "2.0.0"
    assert play.state() == "success"
    assert play.files.info(play.folder().path) is None


def test_a_handler_that_another_agent_installed_is_taken_over() -> None:
    play = stage()
    play.host()
    folder = play.folder()
    play.files.make_folder(folder.config)
    play.files.replace(folder.manifest_file, manifest())
    play.files.replace(folder.state_file, b"Enabled")
    play.publish(enable())
    play.turn()
    assert play.played == ["Sample-1.0.0 enable"]
    assert play.files.info(folder.environment_file) is not None
    assert play.files.info(folder.events) is not None


def test_a_full_disk_fails_the_handler_and_not_the_agent() -> None:
    play = stage()
    play.host()
    play.publish(enable())
    play.files.full = True
    play.live(60)
    assert play.played == []
    assert play.entry().status == "NotReady"
    assert "No space left on device" in play.message()
    play.files.full = False
    play.publish(enable())
    play.turn()
    assert play.played == WORKED
    assert play.entry().status == "Ready"


def test_a_disk_that_fills_up_while_a_handler_is_enabled_does_not_hide_how_it_ended() -> None:
    play = stage()
    play.host()

    def fill(_: Invocation) -> Completed:
        play.files.full = True
        return Completed(exit_code=8, stdout=b"", stderr=b"no space", seconds=0)

    play.parts["enable"] = fill
    play.publish(enable())
    play.turn()
    assert play.entry().code == Code.ENABLE
    assert "exit code: 8" in play.message()


@pytest.mark.parametrize("source", list(Source)[:2], ids=lambda source: source.value)
def test_a_full_disk_does_not_lose_a_goal_state(source: Source) -> None:
    play = stage()
    play.enabled()
    play.files.full = True
    play.publish(enable(), source=source)
    play.live(20)
    play.files.full = False
    play.publish(enable(), source=source)
    play.live(20)
    assert play.played == ["Sample-1.0.0 enable"]
    settings = play.entry().settings
    assert settings is not None
    assert settings.sequence_number == 2


@pytest.mark.parametrize("full", [True, False])
def test_extensions_that_are_disabled_or_gone_survive_a_bad_disk(full: bool) -> None:
    play = stage()
    play.enabled()
    play.files.full = full
    play.files.broken[play.folder().path] = "Read-only file system"
    play.publish(anew=True)
    play.live(20)
    assert play.status.handlers == ()
    assert play.aggregate.status == "Success"
    play.files.broken.clear()
    play.restart()
    play.turn()
    assert play.files.info(play.folder().path) is None


def test_refusing_extensions_survives_a_full_disk() -> None:
    play = stage(extensions_enabled=False)
    play.host()
    play.publish(enable())
    play.files.full = True
    play.live(20)
    assert play.entry().code == Code.ENABLE


@pytest.mark.parametrize(
    "path",
    [
        LIBRARY,
        LAYOUT.history,
        LAYOUT.shared_config,
        LAYOUT.fast_track_marker,
        LIBRARY / ".fetched",
        LIBRARY / "events",
        LIBRARY / "TransportCert.pem",
        HANDLER.path,
        HANDLER.config,
        HANDLER.state_file,
        HANDLER.handler_status_file,
        HANDLER.status,
        HANDLER.status / "0.status",
        HANDLER.heartbeat_file,
        HANDLER.manifest_file,
        HANDLER.log_folder,
        HANDLER.events,
    ],
    ids=str,
)
def test_whatever_the_disk_refuses_every_task_goes_on(path: Path) -> None:
    play = stage()
    play.host(reportHeartbeat=True)
    play.publish(enable())
    play.turn()
    for broken in (path, path.parent):
        play.files.broken[broken] = "Input/output error"
        for source in (Source.FABRIC, Source.FAST_TRACK):
            play.publish(enable(), source=source)
            play.live(30)
        for _ in range(5):
            play.clock.sleep(play.agent.chores.do())
        play.files.broken.clear()
        play.publish(enable())
        play.live(20)
        assert play.state() == "success"


def test_a_handler_that_makes_its_folders_loops_of_links_ends_nothing() -> None:
    play = stage()
    play.host(reportHeartbeat=True)
    play.publish(enable())
    play.turn()
    folder = play.folder()
    for path in (folder.status, folder.heartbeat_file, folder.events, folder.config):
        play.files.remove(path)
        play.files.link(path, path)
    play.live(30)
    for _ in range(5):
        play.clock.sleep(play.agent.chores.do())
    play.publish(uninstall())
    play.turn()
    assert play.entries() == []


def test_states_that_cannot_be_read_count_as_not_installed() -> None:
    play = stage()
    play.enabled()
    play.files.replace(play.folder().state_file, b"\xff\xfe")
    play.publish(enable())
    play.turn()
    assert play.played == WORKED


def test_a_handler_whose_state_is_lost_is_installed_again_and_keeps_what_it_remembers() -> None:
    play = stage()
    play.enabled()
    play.files.replace(play.folder().path / "mrseq", b"0")
    play.files.replace(play.folder().state_file, b"")
    play.publish(enable())
    play.turn()
    assert play.played == WORKED
    assert play.files.read(play.folder().path / "mrseq", at_most=10) == b"0"


def test_a_record_of_the_handlers_status_that_was_cut_is_as_good_as_none() -> None:
    play = stage()
    play.enabled()
    play.files.replace(play.folder().handler_status_file, b'{"name": "Contoso.Sam')
    play.restart()
    play.turn()
    assert play.entry().status == "Ready"


@pytest.mark.parametrize("content", [b"[]", b"null", b'"x"', b"\xff", b'{"timestamp": 5}', b"[" * 4000])
def test_a_fast_track_record_that_cannot_be_read_is_as_good_as_none(content: bytes) -> None:
    play = stage()
    play.files.replace(LAYOUT.fast_track_marker, content)
    play.enabled()
    assert play.log.of("goal_state.adopted")[-1]["outdated"] == "false"


def test_a_clock_that_jumps_back_stops_nothing() -> None:
    play = stage()
    play.enabled()
    play.clock.step(-365 * 86400.0)
    play.publish(enable(), source=Source.FAST_TRACK)
    play.live(30)
    assert play.state() == "success"
