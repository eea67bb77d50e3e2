"""Reading what handlers say of themselves: status files and heartbeats, whatever is in them.

Source: extensions.md §6. Where the peers try a file five times two seconds apart, this reads once and asks for
another look: a file that cannot be read counts as being written until it has stayed so for `SETTLING` seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from limpet.model.errors import Code, HostError, MalformedDocument
from limpet.model.manifest import HandlerState
from limpet.model.status import ExtensionState, ExtensionStatus, HandlerStatusWord, Message
from limpet.wire import heartbeat, statusfile
from limpet.wire.http import MIB

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.agent.layout import HandlerFolder
    from limpet.agent.store import Store
    from limpet.agent.worklist import Item
    from limpet.host.ports import Clock, FileInfo
    from limpet.model.status import HandlerStatus, Heartbeat

SETTLING = 8.0
LONGEST_SETTLING = 60.0
"""A file that is written again and again and never well, seconds."""
LARGEST_STATUS_FILE = 16 * MIB
HEARTBEAT_LIMIT = 64 * 1024
STALE_HEARTBEAT = 600.0
QUOTED = 2000


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """A file that cannot be read.

    first: when it was found so. since: when it was found as it is now. settled: it is called an error by now.
    """

    first: float
    since: float
    signature: tuple[int, int]
    settled: bool = False


class Statuses:
    """Gives an extension's status as it stands now. Not shared between threads."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._unreadable: dict[Path, _Unreadable] = {}
        self._paths: dict[Path, tuple[int, int]] = {}
        self._beats: dict[Path, Heartbeat] = {}

    def begin(self) -> None:
        """A report is being built: forget what the last one read, and what even that one did not ask for."""
        self._unreadable = {path: known for path, known in self._unreadable.items() if path in self._paths}
        self._beats = {path: beat for path, beat in self._beats.items() if path in self._paths}
        self._paths = {}

    def changed(self) -> bool:
        """Whether a file that the last report read has changed since, or was being written then."""
        return any(not known.settled for known in self._unreadable.values()) or any(
            self._signature(path) != seen for path, seen in self._paths.items()
        )

    def _signature(self, path: Path) -> tuple[int, int]:
        info = self._info(path)
        return (info.size, info.changed_ns) if info is not None else (-1, -1)

    def _info(self, path: Path) -> FileInfo | None:
        """What is at `path`. A folder that a handler has made a loop of links counts as not there."""
        try:
            return self._store.files.info(path)
        except HostError:
            return None

    def file_of(self, item: Item) -> Path | None:
        """Where the extension of a piece of work says how it is; None where it has not been installed."""
        if item.settings is None:
            return None
        try:
            folder = self._store.folder_of(item.handler)
        except HostError:
            return None
        if self._store.state(folder) is HandlerState.NOT_INSTALLED:
            return None
        return folder.status_file(item.settings.sequence_number, item.extension)

    def state_in(self, path: Path) -> ExtensionState | None:
        """The state that a status file says; None while there is none, or it says nothing."""
        return None if self._info(path) is None else self.of_file(path).status

    def of_file(self, path: Path) -> ExtensionStatus:
        """What a status file says, or what is reported in its stead."""
        self._paths[path] = self._signature(path)
        try:
            content = self._store.files.read(path, at_most=LARGEST_STATUS_FILE)
        except FileNotFoundError:
            self._unreadable.pop(path, None)
            return _in_place(
                ExtensionState.TRANSITIONING, 0, "This status is being reported by the Guest Agent since no status "
                f"file was reported by the extension yet ({path.name})"
            )  # fmt: skip
        except HostError as error:
            return self._settle(path, Code.UNKNOWN, f"The status file cannot be read: {error}")
        try:
            status = statusfile.parse_status_file(content)
        except MalformedDocument as error:
            quoted = content[:QUOTED].decode("utf-8", "backslashreplace")
            text = f"Could not get a valid status from the extension: {error.problem}. File {path.name} begins: {quoted}"
            return self._settle(path, Code.STATUS_FILE_INVALID, text)
        self._unreadable.pop(path, None)
        return status

    def _settle(self, path: Path, code: Code, text: str) -> ExtensionStatus:
        if not self._is_settled(path):
            return _in_place(ExtensionState.TRANSITIONING, 0, f"The status file {path.name} is being written")
        return _in_place(ExtensionState.ERROR, code, text)

    def _is_settled(self, path: Path) -> bool:
        """Whether a file that cannot be read has been so for long enough; else it may be being written."""
        signature = self._signature(path)
        now = self._clock.monotonic()
        known = self._unreadable.get(path)
        if known is None:
            known = _Unreadable(now, now, signature)
        elif known.signature != signature:
            known = _Unreadable(known.first, now, signature)
        settled = now - known.since >= SETTLING or now - known.first >= LONGEST_SETTLING
        self._unreadable[path] = replace(known, settled=settled)
        return settled

    def with_heartbeat(self, folder: HandlerFolder, status: HandlerStatus) -> HandlerStatus:
        """`status` as the handler's heartbeat corrects it, for handlers that promised one. Source: extensions.md §6.5."""
        self._paths[folder.heartbeat_file] = self._signature(folder.heartbeat_file)
        info = self._info(folder.heartbeat_file)
        if info is None:
            return _not_ready(status, "Failed to get heart beat file")
        if self._clock.now() - info.modified > STALE_HEARTBEAT:
            return replace(status, status=HandlerStatusWord.UNRESPONSIVE.value)
        try:
            content = self._store.files.read(folder.heartbeat_file, at_most=HEARTBEAT_LIMIT)
            beat = heartbeat.parse_heartbeat(content)
        except (FileNotFoundError, HostError, MalformedDocument) as error:
            if not self._is_settled(folder.heartbeat_file):
                last = self._beats.get(folder.heartbeat_file)
                return status if last is None else _beating(status, last)
            return _not_ready(status, f"The heartbeat file cannot be used: {error}")
        self._unreadable.pop(folder.heartbeat_file, None)
        self._beats[folder.heartbeat_file] = beat
        return _beating(status, beat)


def _beating(status: HandlerStatus, beat: Heartbeat) -> HandlerStatus:
    return replace(status, status=beat.status, message=beat.message or status.message)


def _not_ready(status: HandlerStatus, text: str) -> HandlerStatus:
    return replace(
        status,
        status=HandlerStatusWord.NOT_READY.value,
        code=int(Code.UNKNOWN),
        message=Message(message=text),
    )


def _in_place(state: ExtensionState, code: int, text: str) -> ExtensionStatus:
    return ExtensionStatus(status=state, code=int(code), message=Message(message=text))
