"""The log repeated on the console until the VM is ready, where boot diagnostics shows it. Source: guest-setup.md §D.1, §D.2.

A console may be slow, stuck or absent: nothing here waits for it, and nothing fails because of it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from limpet.host.log import EventLog, event_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.host.ports import Log

CONSOLE = "/dev/console"
LONGEST_LINE = 400
MOST = 64 * 1024
"""Bytes written at most; after that the console is left alone."""
_FLAGS = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class ConsoleLog(EventLog):
    """One line for each event, cut to what a console shows."""

    def __init__(self, path: str = CONSOLE, *, most: int = MOST) -> None:
        self._left = most
        self._console: int | None = None
        with suppress(OSError):
            self._console = os.open(path, _FLAGS)

    def close(self) -> None:
        """Leave the console alone from now on."""
        if self._console is not None:
            os.close(self._console)
            self._console = None

    def _write(self, level: str, event: str, fields: Mapping[str, str]) -> None:
        if self._console is None:
            return
        text = event_line(event, fields)
        shown = text[:LONGEST_LINE]
        if not shown.isprintable():
            shown = "".join(letter if letter.isprintable() else "?" for letter in shown)
        line = f"limpet: {level.upper()} {shown}{'...' if len(text) > LONGEST_LINE else ''}\n"
        content = line.encode("ascii", "backslashreplace")
        self._left -= len(content)
        if self._left < 0:
            self.close()
            return
        with suppress(OSError):  # full or gone: the line is lost, the log has it
            os.write(self._console, content)


class EchoedLog:
    """A log whose events go to the console too, until `ready` is called."""

    def __init__(self, log: Log, console: ConsoleLog) -> None:
        self._log = log
        self._console = console

    def info(self, event: str, **fields: object) -> None:
        """Something happened."""
        self._log.info(event, **fields)
        self._console.info(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Something is not as it should be; work goes on."""
        self._log.warning(event, **fields)
        self._console.warning(event, **fields)

    def error(self, event: str, **fields: object) -> None:
        """Something failed."""
        self._log.error(event, **fields)
        self._console.error(event, **fields)

    def ready(self) -> None:
        """The VM is ready: the console is its users' from now on."""
        self._console.close()
