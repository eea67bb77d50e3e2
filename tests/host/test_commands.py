"""Programs of the machine: how they end, and what is not waited for."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from limpet.host.commands import RealCommands
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_program_that_leaves_a_chatterer_behind_has_ended_all_the_same() -> None:
    done = RealCommands().run(["sh", "-c", "yes & echo $! >&2"], timeout=20, at_most=100)
    with suppress(ProcessLookupError):  # nobody listens to it any more, which may have ended it by now
        os.kill(int(done.stderr), signal.SIGKILL)
    assert done.exit_code == 0
    assert len(done.stdout) <= 100


def test_an_interrupted_wait_leaves_nothing_running(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    looks: list[bool] = []

    def interrupt(*_: object) -> None:
        looks.append(note.exists() and bool(note.read_text()))
        if looks.count(True) < 10:  # it must be waited for by now, also where this process gets little time
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            return
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(KeyboardInterrupt):
            RealCommands().run(["sh", "-c", f"echo $$ > {note}; exec sleep 60"], timeout=60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_there_is_no_program_whose_name_nothing_can_have() -> None:
    assert not RealCommands().exists("/bin/s\0h")


def test_all_that_runs_is_ended_whichever_thread_waits_for_it(tmp_path: Path) -> None:
    commands, note = RealCommands(), tmp_path / "pid"
    ended: list[int | None] = []

    def wait() -> None:
        ended.append(commands.run(["sh", "-c", f"echo $$ > {note}; exec sleep 60"], timeout=60).exit_code)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while waiting.is_alive() and (not note.exists() or not note.read_text()):
        waiting.join(0.01)
    commands.end_all()
    waiting.join(60)
    assert ended == [-signal.SIGKILL]
    with pytest.raises(HostError, match="interrupted"):
        commands.run(["true"])
