"""Where handlers and their records live on disk: every path and file name, once. Source: extensions.md §2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.model.extensions import ExtensionSettings

MORE_THAN_A_SETTINGS_FILE = 4 * 1024 * 1024
# Others keep folders beside ours, such as backup-20240101123000, whose end no Version can be.
_FOLDER = re.compile(r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)-(?P<version>[0-9]{1,9}(?:\.[0-9]{1,9}){0,7})\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class HandlerFolder:
    """One handler version's folder and what is in it."""

    path: Path
    name: str
    version: str
    log_folder: Path

    @property
    def config(self) -> Path:
        """Settings and state."""
        return self.path / "config"

    @property
    def status(self) -> Path:
        """What the handler reports."""
        return self.path / "status"

    @property
    def state_file(self) -> Path:
        """The handler's state, one word."""
        return self.config / "HandlerState"

    @property
    def handler_status_file(self) -> Path:
        """What the agent last found out about the handler."""
        return self.config / "HandlerStatus"

    @property
    def manifest_file(self) -> Path:
        """The handler's commands."""
        return self.path / "HandlerManifest.json"

    @property
    def environment_file(self) -> Path:
        """Where the handler finds its folders."""
        return self.path / "HandlerEnvironment.json"

    @property
    def heartbeat_file(self) -> Path:
        """Where a handler that promised one puts its sign of life."""
        return self.path / "heartbeat.log"

    @property
    def most_recent_sequence_file(self) -> Path:
        """The handler's own record of what it has executed."""
        return self.path / "mrseq"

    @property
    def events(self) -> Path:
        """Where the handler leaves telemetry."""
        return self.log_folder / "events"

    def extension_state_file(self, extension: str) -> Path:
        """Whether one extension of a multi-config handler is enabled."""
        return self.config / f"{extension}.HandlerState"

    def settings_file(self, settings: ExtensionSettings | None, extension: str | None) -> Path:
        """The settings of one extension; `0.settings` for a handler without any."""
        number = settings.sequence_number if settings is not None else 0
        return self.config / f"{_stem(number, extension)}.settings"

    def status_file(self, number: int, extension: str | None) -> Path:
        """What the handler says of one extension. number: the settings' sequence number."""
        return self.status / f"{_stem(number, extension)}.status"

    def command_log(self, extension: str | None) -> Path:
        """Every command that was run, with its output."""
        return self.log_folder / (
            f"CommandExecution_{extension}.log" if extension else "CommandExecution.log"
        )


def _stem(number: int, extension: str | None) -> str:
    return f"{extension}.{number}" if extension else str(number)


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The two roots: the agent's library folder and the handlers' log folder."""

    library: Path
    logs: Path

    def handler(self, name: str, version: str) -> HandlerFolder:
        """The folder of one handler version."""
        return HandlerFolder(
            path=self.library / f"{name}-{version}", name=name, version=version, log_folder=self.logs / name
        )

    def archive(self, name: str, version: str) -> Path:
        """A handler's package while it is on disk."""
        return self.library / f"{name}__{version}.zip"

    def events(self, name: str) -> Path:
        """Where a handler of that name, here or gone, leaves telemetry."""
        return self.logs / name / "events"

    @property
    def spool(self) -> Path:
        """The older spool of telemetry, in which handlers leave files too. Source: extensions.md §7.3."""
        return self.library / "events"

    @property
    def history(self) -> Path:
        """Goal states of the past, redacted."""
        return self.library / "history"

    @property
    def fast_track_marker(self) -> Path:
        """When the last FastTrack goal state was made; survives restarts."""
        return self.library / "fast_track.json"

    @property
    def shared_config(self) -> Path:
        """SharedConfig.xml as received; other components read it."""
        return self.library / "SharedConfig.xml"


def handler_of_folder(folder_name: str) -> tuple[str, str] | None:
    """The handler name and version a folder's name says; None for what is not a handler's folder."""
    match = _FOLDER.match(folder_name)
    if match is None or match["name"] == "WALinuxAgent":
        return None
    return match["name"], match["version"]
