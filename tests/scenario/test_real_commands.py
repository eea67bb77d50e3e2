"""Handlers as real processes over real files: what they print, how long they take, what they leave behind."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from tests.processes import ended
from tests.scenario.core import Core
from tests.scenario.handlers import SAMPLE, enable, manifest, raw_package, uninstall, zipped
from tests.scenario.stage import Stage

from limpet.agent.layout import Layout
from limpet.config.settings import Config
from limpet.host.clock import RealClock
from limpet.host.fake import FakeMachine
from limpet.host.fake_work import FakeFetcher, FakeVault
from limpet.host.files import RealFiles
from limpet.host.process import HandlerProcesses
from limpet.lab.clock import wait_for
from limpet.model.errors import Code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from limpet.host.ports import Completed

SUCCESS = """echo '[{"status": {"status": "success"}}]' > status/$ConfigSequenceNumber.status"""
KIB, MIB = 1024, 1024 * 1024


class Hasty(HandlerProcesses):
    """Real processes with less patience than the contract has. hurry: so many times less."""

    hurry = 1.0

    def run_handler_command(
        self,
        command: str,
        *,
        folder: Path,
        environment: Mapping[str, str],
        timeout: float,
        groups: Sequence[Path] = (),
    ) -> Completed:
        patience = timeout / self.hurry
        return super().run_handler_command(
            command, folder=folder, environment=environment, timeout=patience, groups=groups
        )


def playing(
    tmp_path: Path, *, hurry: float = 1.0, members: Mapping[str, Any] | None = None, **scripts: str
) -> Stage:
    """A stage on a real disk with a handler of shell scripts. hurry: see `Hasty`. members: of its manifest."""
    processes = Hasty(RealClock())
    processes.hurry = hurry
    layout = Layout(library=tmp_path / "lib", logs=tmp_path / "log")
    machine, files = FakeMachine(), RealFiles()
    core = Core.start(machine.clock, thumbprints=("A" * 40,))
    play = Stage(
        machine=machine,
        core=core,
        config=Config(library=layout.library, log_dir=layout.logs),
        ports={
            "files": files,
            "processes": processes,
            "vault": FakeVault(files, layout.library),
            "fetcher": FakeFetcher(files, core.exchange),
        },
    )
    bodies = {"install": "", "enable": SUCCESS, "disable": "", "uninstall": "", "update": "", **scripts}
    contents = {
        f"bin/{name}": f"#!/bin/sh\n{body}\n".encode() for name, body in bodies.items() if body != "missing"
    }
    core.host(raw_package(zipped({"HandlerManifest.json": manifest(**(members or {})), **contents})))
    play.publish(enable())
    play.turn()
    return play


def folder(tmp_path: Path) -> Path:
    return tmp_path / "lib" / f"{SAMPLE}-1.0.0"


def test_a_real_handler_is_installed_enabled_and_uninstalled(tmp_path: Path) -> None:
    play = playing(
        tmp_path, install="pwd > where; id -u >> where", enable=f"{SUCCESS}; test -t 0 || echo no terminal"
    )
    assert play.state() == "success"
    assert (folder(tmp_path) / "where").read_text().splitlines() == [str(folder(tmp_path)), str(os.getuid())]
    assert "no terminal" in (tmp_path / "log" / SAMPLE / "CommandExecution.log").read_text()
    play.publish(uninstall())
    play.turn()
    assert not folder(tmp_path).exists()


def test_a_command_that_prints_without_end_is_kept_to_its_beginning_and_end(tmp_path: Path) -> None:
    printing = "echo begin; head -c 67108864 /dev/zero | tr '\\0' x; echo end; echo why >&2; exit 7"
    play = playing(tmp_path, enable=printing)
    assert play.entry().code == Code.ENABLE
    assert len(play.message()) < 4 * KIB
    for word in ("exit code: 7", "begin", "\n[...]\n", "end", "why"):
        assert word in play.message(), word
    sizes = [path.stat().st_blocks * 512 for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(sizes) < MIB


def test_what_a_command_prints_takes_little_of_the_disk_while_it_runs(tmp_path: Path) -> None:
    # The handler itself looks at how much its output takes: its standard output is a file.
    look = "stat -L -c '%b %B' /proc/self/fd/1 > taken"
    small = "set -- $(cat taken); test $(($1 * $2)) -lt 4194304"
    until = f"for each in $(seq 300); do {look}; {small} && break; sleep 0.1; done"
    play = playing(tmp_path, enable=f"head -c 67108864 /dev/zero; {until}; {SUCCESS}")
    assert play.state() == "success"
    blocks, size = map(int, (folder(tmp_path) / "taken").read_text().split())
    assert blocks * size < 4 * MIB


def test_a_command_that_hangs_is_killed_with_all_it_started(tmp_path: Path) -> None:
    hanging = "echo before; sleep 1000 & echo $! > child.new; mv child.new child; sleep 1000"
    for hurry in (300.0, 30.0, 3.0):  # on a busy machine one second may be over before the shell is there
        place = tmp_path / f"{hurry:.0f}"
        place.mkdir()
        play = playing(place, hurry=hurry, enable=hanging)
        if (folder(place) / "child").exists():
            break
    assert play.entry().code == Code.TIMED_OUT
    assert play.message().startswith("Timeout(300): ")
    assert "before" in play.message()
    child = int((folder(place) / "child").read_text())
    wait_for(lambda: ended(child), "what it started to end too", timeout=60)


def test_what_a_command_leaves_running_goes_on(tmp_path: Path) -> None:
    play = playing(tmp_path, enable=f"sleep 1000 & echo $! > child; {SUCCESS}")
    assert play.state() == "success"
    child = int((folder(tmp_path) / "child").read_text())
    os.kill(child, 0)
    os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize(
    ("name", "scripts", "members", "told"),
    [
        ("not there", {"enable": "missing"}, {}, "exit code: 127"),
        ("a folder", {}, {"enableCommand": "bin"}, "exit code: 126"),
        ("killed", {"enable": "kill -9 $$"}, {}, "exit code: 137"),
        ("wrong interpreter", {}, {"enableCommand": "HandlerManifest.json"}, "exit code: "),
        ("a NUL", {}, {"enableCommand": "bin/\0x"}, "Failed to launch"),
        ("too long", {}, {"enableCommand": "bin/" + "x" * 300_000}, "Failed to launch"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_command_that_cannot_be_run_is_reported(
    name: str, scripts: dict[str, Any], members: dict[str, str], told: str, tmp_path: Path
) -> None:
    play = playing(tmp_path, members=members, **scripts)
    assert play.entry().status == "NotReady"
    assert play.entry().code == Code.ENABLE
    assert told in play.message()
    assert len(play.message()) < 8 * KIB


def test_output_that_is_not_text_is_shown_with_escapes(tmp_path: Path) -> None:
    play = playing(tmp_path, enable="printf '\\377\\376 broken'; exit 1")
    assert "\\xff\\xfe broken" in play.message()


def test_nothing_secret_is_in_files_that_others_may_read(tmp_path: Path) -> None:
    playing(tmp_path)
    for path in tmp_path.rglob("*"):
        if path.suffix == ".settings":
            assert path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "lib").stat().st_mode & 0o077 == 0
    assert folder(tmp_path).joinpath("config").stat().st_mode & 0o077 == 0
