"""Handlers that turn against the machine they are on: what they put in the place of their own folders leads nowhere else."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.scenario.handlers import enable, uninstall
from tests.scenario.test_real_commands import SUCCESS, folder, playing

from limpet.agent.store import Store
from limpet.host.files import RealFiles
from limpet.model.manifest import HandlerState

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenario.stage import Stage


def seen(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def elsewhere(tmp_path: Path) -> Path:
    """A folder that is nobody's business, with what an agent might take for its own."""
    place = tmp_path / "etc"
    for name in (
        "shadow",
        "0.settings",
        "HandlerState",
        "x.1.settings",
        "config/HandlerState",
        "7.json",
        "7.status",
    ):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"precious")
    return place


def records(play: Stage) -> Store:
    """The handlers' records on the real disk."""
    return Store(RealFiles(), play.layout, play.log)


def turned(tmp_path: Path, what: str, how: str) -> tuple[Stage, dict[str, bytes]]:
    """A stage whose handler has put something in the place of `what`; and what was elsewhere before."""
    before = seen(elsewhere(tmp_path))
    return playing(tmp_path, enable=f"{SUCCESS}; cd /; rm -rf {what}; {how}"), before


@pytest.mark.parametrize("what", ["", "/config", "/status", "/heartbeat.log", "/HandlerEnvironment.json"])
def test_a_link_in_the_place_of_a_handlers_folder_is_not_written_through(what: str, tmp_path: Path) -> None:
    mine = f"{folder(tmp_path)}{what}"
    play, before = turned(tmp_path, mine, f"ln -s {tmp_path}/etc {mine}")
    play.restart()
    play.publish(enable(public={"a": 2}))
    play.turn()
    for _ in range(5):
        play.clock.sleep(play.agent.chores.do())
    play.publish(uninstall())
    play.turn()
    assert seen(tmp_path / "etc") == before
    assert play.entries() == []
    assert not os.path.lexists(folder(tmp_path))


def test_a_handlers_log_folder_that_is_a_link_loses_nothing(tmp_path: Path) -> None:
    place = elsewhere(tmp_path)
    (place / "events").mkdir()
    (place / "events/1.json").write_bytes(b"precious")
    mine = tmp_path / "log/Contoso.Sample"
    play = playing(tmp_path, enable=f"{SUCCESS}; rm -rf {mine}; ln -s {place} {mine}")
    end = play.clock.monotonic() + 600
    while play.clock.monotonic() < end:
        play.clock.sleep(play.agent.chores.do())
    assert (place / "events/1.json").read_bytes() == b"precious"


@pytest.mark.parametrize("how", ["mkfifo {}", "touch {}", "mknod {} c 1 3"], ids=["FIFO", "file", "device"])
@pytest.mark.parametrize("what", ["config", "status"])
def test_whatever_is_in_the_place_of_a_folder_gives_way_to_it(what: str, how: str, tmp_path: Path) -> None:
    mine = folder(tmp_path) / what
    if "mknod" in how and os.geteuid() != 0:
        how = "mkfifo {}"
    play = playing(tmp_path, install=f"rm -rf {mine}; {how.format(mine)}")
    play.publish(enable())
    play.turn()
    assert mine.is_dir()
    assert records(play).state(play.folder()) is HandlerState.ENABLED
    assert play.state() == "success"


def test_status_files_of_a_folder_that_is_a_link_are_not_carried_over(tmp_path: Path) -> None:
    play = playing(tmp_path)
    place = elsewhere(tmp_path)
    old, new = play.folder(), play.folder(version="2.0.0")
    shutil.rmtree(old.status)
    old.status.symlink_to(place)
    new.status.mkdir(parents=True)
    records(play).carry_over(old, new)
    assert list(new.status.iterdir()) == []


def test_an_extension_that_is_forgotten_is_not_looked_for_behind_a_link(tmp_path: Path) -> None:
    play = playing(tmp_path)
    place = elsewhere(tmp_path)
    before = seen(place)
    shutil.rmtree(play.folder().config)
    play.folder().config.symlink_to(place)
    records(play).forget_extension(play.folder(), "x")
    records(play).set_extension_enabled(play.folder(), "x")
    assert seen(place) == before


@pytest.mark.parametrize("how", ["echo broken > {}", "rm {}; mkfifo {}", "rm {}; ln -s /etc/passwd {}"])
def test_a_handler_that_has_spoilt_its_manifest_can_be_uninstalled(how: str, tmp_path: Path) -> None:
    manifest = folder(tmp_path) / "HandlerManifest.json"
    play = playing(tmp_path, enable=f"{SUCCESS}; {how.replace('{}', str(manifest))}")
    assert play.entry().status == "Ready"
    play.publish(uninstall())
    play.turn()
    assert play.entries() == []
    assert not folder(tmp_path).exists()


def test_a_handler_that_takes_the_library_away_does_not_open_it_to_others(tmp_path: Path) -> None:
    play = playing(tmp_path, enable=f"{SUCCESS}; rm -rf {tmp_path}/lib")
    play.turn()
    assert (tmp_path / "lib").stat().st_mode & 0o077 == 0


def test_files_of_impossible_names_end_nothing(tmp_path: Path) -> None:
    names = [
        r"a\nb.HandlerState",
        r"\377.HandlerState",
        "x" * 240 + ".HandlerState",
        ".HandlerState",
        r"\351.1.status",
    ]
    make = "; ".join(f"printf enabled > \"$(printf '{name}')\"" for name in names)
    play = playing(tmp_path, enable=f"{SUCCESS}; for d in config status; do (cd $d; {make}); done")
    records(play).carry_over(play.folder(), play.folder(version="2.0.0"))
    play.publish(uninstall())
    play.turn()
    assert play.entries() == []
    log = (tmp_path / "log/Contoso.Sample/CommandExecution.log").read_text()
    assert (
        "run disable for every enabled extension" in log
    )  # as that of one extension: none of those names is one's
    assert "run uninstall" in log
