"""Events with fields: the Log port, over the journal or a file.

    log.info("goal_state.changed", incarnation="2", handlers=3)

Under systemd an event goes to the journal with each field of its own (LIMPET_EVENT, LIMPET_INCARNATION, …); elsewhere
to a file, one line each, and to the terminal if there is one. Whatever the fields hold, SAS tokens are taken out, a
Secret prints as stars and no event is longer than one line.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from limpet.host.clock import RealClock
from limpet.host.files import RealFiles
from limpet.model.errors import HostError
from limpet.model.redact import redacted
from limpet.wire.ticks import ticks_to_text, unix_to_ticks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from limpet.host.ports import Clock, Files

FILE_LIMIT = 10 * 1024 * 1024
"""Largest log file, bytes; half of it is dropped from its head when it is full."""
_FIELD_LIMIT = 8 * 1024
_PLAIN = re.compile(r"[!#-~]+\Z")  # printable ASCII without blanks and quotes
_JOURNAL = "/run/systemd/journal/socket"
_PRIORITIES = {"error": 3, "warning": 4, "info": 6}


class EventLog:
    """What the adapters of the Log port share: three levels, and how a field is shown."""

    def info(self, event: str, **fields: object) -> None:
        """Something happened."""
        self._write("info", event, _shown(fields))

    def warning(self, event: str, **fields: object) -> None:
        """Something is not as it should be; work goes on."""
        self._write("warning", event, _shown(fields))

    def error(self, event: str, **fields: object) -> None:
        """Something failed."""
        self._write("error", event, _shown(fields))

    def _write(self, level: str, event: str, fields: Mapping[str, str]) -> None:
        raise NotImplementedError


class FileLog(EventLog):
    """A file, and a terminal beside it. It is opened for each event, so that whoever rotates it need not tell us."""

    def __init__(self, path: Path, *, files: Files, clock: Clock, terminal: TextIO | None = None) -> None:
        self._path = path
        self._files = files
        self._clock = clock
        self._terminal = terminal

    def _write(self, level: str, event: str, fields: Mapping[str, str]) -> None:
        moment = ticks_to_text(unix_to_ticks(self._clock.now()))
        line = f"{moment} {level.upper()} {event_line(event, fields)}\n"
        if self._terminal is not None:
            with suppress(OSError):  # a terminal that has gone away stops nobody
                self._terminal.write(line)
                self._terminal.flush()
        try:
            self._files.append(self._path, line.encode(), at_most=FILE_LIMIT)
        except HostError as error:
            if self._terminal is None:
                _complain(f"{line}{moment} ERROR log.unwritable problem={str(error)!r}\n")


class JournalLog(EventLog):
    """The systemd journal in its native protocol: one datagram for each event."""

    def __init__(self, address: str = _JOURNAL) -> None:
        """Raises: OSError, when no journal listens there."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise

    def close(self) -> None:
        """Let go of the journal."""
        self._socket.close()

    def _write(self, level: str, event: str, fields: Mapping[str, str]) -> None:
        priority = _PRIORITIES[level]
        entry = {
            "MESSAGE": event_line(event, fields),
            "PRIORITY": str(priority),
            "SYSLOG_IDENTIFIER": "limpet",
            "LIMPET_EVENT": event,
        }
        entry |= {f"LIMPET_{name.upper()}": value for name, value in fields.items()}
        try:
            self._socket.send(b"".join(_journal_field(name, value) for name, value in entry.items()))
        except OSError:
            # The journal is restarting. It still reads our standard error, by line.
            _complain(f"<{priority}>{entry['MESSAGE']}\n")


def open_log(path: Path) -> EventLog:
    """The journal if this process was started under it, else the file at `path`."""
    if under_journal():
        try:
            return JournalLog()
        except OSError:
            pass
    terminal = sys.stderr if sys.stderr.isatty() else None
    return FileLog(path, files=RealFiles(), clock=RealClock(), terminal=terminal)


def _complain(line: str) -> None:
    with suppress(OSError):
        sys.stderr.write(line)


def event_line(event: str, fields: Mapping[str, str]) -> str:
    """An event as one line of text: its name, then ``name=value`` for each field, quoted as JSON where that is needed."""
    return " ".join([event, *(f"{name}={_quoted(value)}" for name, value in fields.items())])


def under_journal() -> bool:
    """Whether what this process writes to its standard error is the journal's."""
    # systemd names the device and inode of the stream it connected: stderr may have been redirected since.
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    found = os.fstat(2)
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


def _shown(fields: Mapping[str, object]) -> dict[str, str]:
    return {name: _text(value) for name, value in fields.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"{value:.3f}" if isinstance(value, float) else redacted(str(value))
    return text if len(text) <= _FIELD_LIMIT else f"{text[:_FIELD_LIMIT]} [... {len(text)} characters]"


def _quoted(value: str) -> str:
    if _PLAIN.match(value):
        return value
    # Only what a terminal shows as it is stays unescaped: no colours, no bells, no invisible marks.
    return json.dumps(value, ensure_ascii=not value.isprintable())


def _journal_field(name: str, value: str) -> bytes:
    content = value.encode("utf-8", "replace")
    if b"\n" not in content:
        return b"%s=%s\n" % (name.encode(), content)
    return b"%s\n%s%s\n" % (name.encode(), len(content).to_bytes(8, "little"), content)
