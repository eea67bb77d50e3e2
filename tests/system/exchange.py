"""The supervisor's part in a system test: the exchange folder of a machine, its lock and its grants."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from limpet.guest.agent_news import NEWS, AgentNews, parse_news
from limpet.guest.fabric_lease import GRANT, LOCK, Grant, Holder, render_grant
from limpet.guest.shell_brief import BRIEF, ShellBrief, render_brief
from limpet.lab.clock import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.lab.machine import Machine

LOCKS = Path("/proc/locks")


class Exchange:
    """One folder in a machine. epoch: of the last grant."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self._machine = machine
        self._folder = folder
        self.epoch = 0
        self._held: BinaryIO | None = None
        machine.write(str(folder / LOCK), b"", mode=0o600)

    def brief(self, brief: ShellBrief) -> None:
        self._machine.write(str(self._folder / BRIEF), render_brief(brief))

    def grant(self, holder: Holder) -> None:
        """As a supervisor does: only while nobody else has the lock."""
        self.epoch += 1
        self.put(GRANT, render_grant(Grant(holder=holder, epoch=self.epoch, boot="")))

    def put(self, name: str, content: bytes) -> None:
        """Replace a file as a whole."""
        place = self._machine.path(str(self._folder))
        place.joinpath(".new").write_bytes(content)
        place.joinpath(".new").rename(place / name)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Have the lock, waiting for it."""
        with self._machine.path(str(self._folder / LOCK)).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._held = file
            yield

    def let_go(self) -> None:
        """Let somebody else have the lock before the end of `locked`."""
        if self._held is not None:
            fcntl.flock(self._held, fcntl.LOCK_UN)

    def parked(self) -> None:
        """Wait until somebody waits for the lock."""
        inode = self._machine.path(str(self._folder / LOCK)).stat().st_ino

        def look() -> bool:
            lines = LOCKS.read_text("ascii").splitlines()
            return any("->" in line and f":{inode} " in line for line in lines)

        wait_for(look, "somebody to wait for the fabric lock", timeout=60)

    def news(self) -> AgentNews | None:
        try:
            return parse_news(self._machine.path(str(self._folder / NEWS)).read_bytes())
        except FileNotFoundError:
            return None

    def await_first(self) -> AgentNews:
        """Wait for the first accepted report under the last grant."""

        def look() -> AgentNews | None:
            found = self.news()
            return found if found and found.epoch == self.epoch and found.first is not None else None

        return wait_for(look, "a report to be accepted", timeout=60)


def is_held(machine: Machine, path: Path) -> bool:
    """Whether somebody has a lock now."""
    descriptor = os.open(machine.path(str(path)), os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
