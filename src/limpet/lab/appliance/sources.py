"""An appliance watched from outside while it runs: its supervisor's journal, and the page that is kept up to date about it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from limpet.lab.appliance.news import told_to_the_fabric
from limpet.lab.appliance.picture import JOURNAL, records
from limpet.lab.commands import LabError
from limpet.lab.fabric import Fabric, fabric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from limpet.lab.machine import Machine

    Take = Callable[[Mapping[str, Any]], None]
    React = Callable[[Mapping[str, Any], Fabric], None]

EVERY = 0.004
"""Seconds between two looks: a status gap is as short as a tenth of one, and something is to be done during it."""
LARGEST = 4 * 1024 * 1024
TIME_TO_END = 10.0


@contextmanager
def watched(
    machine: Machine, admin: Path, take: Take, react: React = lambda _record, _world: None
) -> Iterator[None]:
    """Give every record of the journal to `take`, and what the appliance says of itself to the fabric, until the end.

    On other threads. react: told of each record before it is taken, with a client of that thread's own.
    """
    ended = threading.Event()
    thread = threading.Thread(
        target=_watch, args=(machine, admin, take, react, ended), name="appliance", daemon=True
    )
    with told_to_the_fabric(machine, admin):
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(TIME_TO_END)


def _watch(machine: Machine, admin: Path, take: Take, react: React, ended: threading.Event) -> None:
    journal = File(machine, JOURNAL)
    last = 0
    with fabric(admin) as world:
        while not ended.wait(EVERY):
            for record in records(journal.news(), last):
                last = int(record["number"])
                react(record, world)
                take(record)


class File:
    """A file of a machine that is booted, switched off and booted again."""

    def __init__(self, machine: Machine, path: str) -> None:
        self._machine = machine
        self._path = path
        self._known: tuple[int, int, int] | None = None

    def news(self) -> bytes:
        """All of it when it has changed since the last call; nothing while it has not, or is not there."""
        try:
            path = self._machine.path(self._path)
            found = path.stat()
            known = (found.st_ino, found.st_mtime_ns, found.st_size)
            if known == self._known or found.st_size > LARGEST:
                return b""
            content = path.read_bytes()
        except (OSError, LabError):
            return b""
        self._known = known
        return content
