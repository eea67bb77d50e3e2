"""Tells the fabric what an appliance says of itself, so that the dashboard shows it: the lab looks, the fabric cannot."""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from limpet.lab.commands import LabError
from limpet.lab.fabric import fabric

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from limpet.lab.fabric import Fabric

SHOWN = "/run/limpet/show.json"
"""What the supervisor keeps for `limpet show`."""
LARGEST = 64 * 1024
EVERY = 0.1
TIME_TO_END = 5.0


class Looked(Protocol):
    """A machine, as far as it is looked into."""

    @property
    def name(self) -> str:
        """As the fabric calls it."""

    @property
    def running(self) -> bool:
        """Whether it has processes."""

    def path(self, path: str) -> Path:
        """A path of it as seen from here. Raises: LabError."""


@contextmanager
def told_to_the_fabric(machine: Looked, admin: Path) -> Iterator[None]:
    """Put the machine's document whenever it changes, on another thread, until the end of the block.

    admin: the unix socket of the emulator's admin API. A document that is missing, cut or refused is left out.
    """
    end = threading.Event()
    thread = threading.Thread(target=_tell, args=(machine, admin, end), name="appliance-news", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join(TIME_TO_END)


def _tell(machine: Looked, admin: Path, end: threading.Event) -> None:
    with fabric(admin) as world:
        last: dict[str, Any] | None = None
        while not end.wait(EVERY):
            found = _document(machine) if machine.running else _off(last)
            if found is not None and found != last:
                last = found
                _put(world, machine.name, found)


def _put(world: Fabric, name: str, document: dict[str, Any]) -> None:
    with suppress(LabError):  # the emulator may be away for a moment, or not take it: the next one comes
        world.tell_appliance(name, document)


def _document(machine: Looked) -> dict[str, Any] | None:
    try:
        # The machine may put a link or a pipe there: neither is followed or waited for.
        number = os.open(machine.path(SHOWN), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(number, "rb") as file:  # noqa: PTH123 - it is open already
            content = file.read(LARGEST + 1)
        found = json.loads(content) if len(content) <= LARGEST else None
    except (OSError, ValueError, LabError):
        return None
    return found if isinstance(found, dict) else None


def _off(last: dict[str, Any] | None) -> dict[str, Any] | None:
    return last and {**last, "stage": "stopped", "words": "the VM is off"}
