"""What is on disk about handlers: packages, states, settings, statuses. Every file has one writer, and most are written here.

The places are in `layout`. What is read may have been cut off by a power loss, or written by another agent: it counts as
absent then.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from limpet.agent.layout import MORE_THAN_A_SETTINGS_FILE, handler_of_folder
from limpet.agent.worklist import Installed
from limpet.model.errors import Code, HandlerError, HostError, MalformedDocument
from limpet.model.extensions import Wanted
from limpet.model.ids import SequenceNumber
from limpet.model.manifest import HandlerState
from limpet.model.version import Version
from limpet.wire import handlerfiles, handlermanifest
from limpet.wire.names import fit_for_a_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from limpet.agent.layout import HandlerFolder, Layout
    from limpet.host.ports import Files, Log
    from limpet.model.extensions import ExtensionSettings, Handler
    from limpet.model.manifest import HandlerManifest
    from limpet.model.status import HandlerStatus

LARGEST_CARRIED = 16 * 1024 * 1024
"""A status file beyond it is not read either, bytes."""
_SETTINGS = re.compile(r"(?:(?P<extension>.+)\.)?(?P<number>[0-9]{1,18})\.settings\Z")
_ENABLED, _DISABLED = "enabled", "disabled"
_PRIVATE = 0o600


class Store:
    """Handlers' records, read and written through the Files port."""

    def __init__(self, files: Files, layout: Layout, log: Log) -> None:
        self.files = files
        self.layout = layout
        self._log = log

    def installed(self, name: str | None = None) -> tuple[Installed, ...]:
        """Every handler version that has a folder here, whatever its state. name: only those of one handler."""
        found = []
        for folder_name in self.files.names(self.layout.library):
            handler = handler_of_folder(folder_name)
            if handler is not None and name in {None, handler[0]}:
                folder = self.layout.handler(*handler)
                found.append(
                    Installed(
                        name=folder.name, version=Version.parse(folder.version), state=self.state(folder)
                    )
                )
        return tuple(found)

    def versions(self, name: str) -> tuple[Installed, ...]:
        """The versions of one handler that were unpacked or reported of here, whatever their state."""
        return tuple(here for here in self.installed(name) if self._is_package(here))

    def folder_of(self, handler: Handler, installed: Sequence[Installed] | None = None) -> HandlerFolder:
        """The folder that speaks for a handler: of the versions the wanted one accepts, the newest that is here.

        What is reported of a handler is written there and read from there.
        """
        try:
            requested = Version.parse(handler.version)
        except ValueError:
            return self.layout.handler(handler.name, handler.version)
        here = self.installed(handler.name) if installed is None else installed
        mine = [each.version for each in here if each.name == handler.name]
        matching = [version for version in mine if version.matches(requested)]
        if handler.wanted is not Wanted.ENABLED:
            matching = matching or mine
        return self.layout.handler(handler.name, max(matching, default=requested).text)

    def state(self, folder: HandlerFolder) -> HandlerState:
        """A handler's state; NOT_INSTALLED where no usable record is, or no package: then only a download can help."""
        word = self._text(folder.state_file)
        if word is None or not self._has_manifest(folder):
            return HandlerState.NOT_INSTALLED
        try:
            return HandlerState(word.strip())
        except ValueError:
            self._log.warning("handler.state_unreadable", file=folder.state_file, word=word[:80])
            return HandlerState.NOT_INSTALLED

    def _has_manifest(self, folder: HandlerFolder) -> bool:
        try:
            return self.files.info(folder.manifest_file) is not None
        except HostError:
            return True

    def set_state(self, folder: HandlerFolder, state: HandlerState) -> None:
        """Record a handler's state."""
        self._own(folder, folder.config)
        self.files.replace(folder.state_file, state.value.encode())

    def handler_status(self, folder: HandlerFolder) -> HandlerStatus | None:
        """What was last found out about a handler; None where nothing is known."""
        content = self._bytes(folder.handler_status_file)
        if content is None:
            return None
        try:
            return handlerfiles.parse_handler_status(content)
        except MalformedDocument as error:
            self._log.warning("handler.status_unreadable", file=folder.handler_status_file, problem=error)
            return None

    def set_handler_status(self, folder: HandlerFolder, status: HandlerStatus) -> None:
        """Record what was found out about a handler."""
        self._own(folder, folder.config)
        self.files.replace(folder.handler_status_file, handlerfiles.render_handler_status(status))

    def manifest(self, folder: HandlerFolder) -> HandlerManifest:
        """The handler's commands, read anew each time: a handler may change them.

        Raises: HandlerError, with the code for a manifest that is missing or no JSON. Source: extensions.md §1.2.
        """
        try:
            content = self.files.read(folder.manifest_file, at_most=MORE_THAN_A_SETTINGS_FILE)
        except (FileNotFoundError, HostError) as error:
            raise HandlerError(
                f"{folder.manifest_file} cannot be read: {error}", code=Code.HANDLER_MANIFEST_NOT_FOUND
            ) from error
        try:
            return handlermanifest.parse_handler_manifest(content)
        except handlermanifest.NoManifest as error:
            raise HandlerError(str(error)) from error
        except MalformedDocument as error:
            raise HandlerError(str(error), code=Code.HANDLER_MANIFEST_INVALID) from error

    def prepare(self, folder: HandlerFolder) -> None:
        """Make an unpacked package ready for its next command. Source: extensions.md §1.6, §2."""
        self._own(folder, folder.config, folder.status)
        self.files.make_folder(folder.log_folder, mode=0o755)
        self.files.make_folder(folder.events, mode=0o700)
        environment = handlerfiles.render_handler_environment(
            name=folder.name,
            log_folder=str(folder.log_folder),
            config_folder=str(folder.config),
            status_folder=str(folder.status),
            heartbeat_file=str(folder.heartbeat_file),
            events_folder=str(folder.events),
        )
        if self._bytes(folder.environment_file) != environment:
            self.files.replace(folder.environment_file, environment)

    def prepare_all(self) -> None:
        """Make every installed handler ready: who ran here before may have had other folders, or been another agent."""
        try:
            self.files.make_folder(self.layout.spool, mode=0o700)
        except HostError as error:
            self._log.warning("telemetry.no_spool", problem=error)
        for here in self.installed():
            folder = self.layout.handler(here.name, here.version.text)
            try:
                if here.state is not HandlerState.NOT_INSTALLED:
                    self.prepare(folder)
            except HostError as error:
                self._log.warning("handler.unprepared", folder=folder.path, problem=error)

    def write_settings(
        self, folder: HandlerFolder, settings: ExtensionSettings | None, extension: str | None
    ) -> None:
        """Write an extension's settings anew: handlers scrub them after use. Source: extensions.md §0 fact 2."""
        self._own(folder, folder.config, folder.status)
        self.files.replace(
            folder.settings_file(settings, extension), handlerfiles.render_settings(settings), mode=_PRIVATE
        )

    def write_status(self, folder: HandlerFolder, path: Path, content: bytes) -> None:
        """Write one of a handler's status files in its stead."""
        self._own(folder, folder.status)
        self.files.replace(path, content)

    def _own(self, folder: HandlerFolder, *parts: Path) -> None:
        """Have folders that are the handler's own: a link in their place would let us write elsewhere, so it goes."""
        if self.files.info(self.layout.library) is None:  # a handler has taken all of it away
            self.files.make_folder(self.layout.library, mode=0o700)
        for path in (folder.path, *parts):
            info = self.files.info(path)
            if info is None or not info.is_folder:
                if info is not None:
                    self._log.warning("handler.no_folder", path=path)
                    self.files.remove(path)
                self.files.make_folder(path, mode=0o755 if path == folder.path else 0o700)

    def _is_own(self, folder: HandlerFolder, part: Path) -> bool:
        """Whether a handler's folder is there and no link leads elsewhere."""
        there = [self.files.info(path) for path in (folder.path, part)]
        return all(info is not None and info.is_folder for info in there)

    def extension_enabled(self, folder: HandlerFolder, extension: str) -> bool:
        """Whether one extension of a multi-config handler is enabled here."""
        return (self._text(folder.extension_state_file(extension)) or _DISABLED).strip() == _ENABLED

    def set_extension_enabled(self, folder: HandlerFolder, extension: str) -> None:
        """Record that one extension of a multi-config handler is enabled."""
        self._own(folder, folder.config)
        self.files.replace(folder.extension_state_file(extension), _ENABLED.encode())

    def set_extension_disabled(self, folder: HandlerFolder, extension: str) -> None:
        """Record that one extension of a multi-config handler is disabled."""
        self._own(folder, folder.config)
        self.files.replace(folder.extension_state_file(extension), _DISABLED.encode())

    def enabled_extensions(self, folder: HandlerFolder) -> tuple[str, ...]:
        """The extensions of a multi-config handler that are enabled here."""
        suffix = ".HandlerState"
        names = [
            name.removesuffix(suffix) for name in self.files.names(folder.config) if name.endswith(suffix)
        ]
        return tuple(name for name in names if fit_for_a_file(name) and self.extension_enabled(folder, name))

    def forget_extension(self, folder: HandlerFolder, extension: str) -> None:
        """Remove one extension's settings, status and state. Source: extensions.md §3.6."""
        for parent, suffix in ((folder.config, ".settings"), (folder.status, ".status")):
            for name in self.files.names(parent) if self._is_own(folder, parent) else ():
                stem, dot, number = name.removesuffix(suffix).rpartition(".")
                if name.endswith(suffix) and dot and stem == extension and number.isdigit():
                    self.files.remove(parent / name)
        if self._is_own(folder, folder.config):
            self.files.remove(folder.extension_state_file(extension))

    def newest_settings(self, folder: HandlerFolder) -> dict[str | None, SequenceNumber]:
        """The settings written last: of each enabled extension or, under None, of the handler. Source: extensions.md §6.2."""
        found: dict[str | None, tuple[float, int]] = {}
        try:
            extensions = self.enabled_extensions(folder) or (None,)
            for name in self.files.names(folder.config):
                match = _SETTINGS.match(name)
                info = self.files.info(folder.config / name)
                if match is not None and match["extension"] in extensions and info is not None and info.size:
                    latest = (info.modified, int(match["number"]))
                    found[match["extension"]] = max(latest, found.get(match["extension"], latest))
        except HostError as error:
            self._log.warning("file.unreadable", file=folder.config, problem=error)
        return {extension: SequenceNumber(number) for extension, (_, number) in found.items()}

    def number_of(
        self, folder: HandlerFolder, extension: str, wanted: Mapping[str, SequenceNumber]
    ) -> SequenceNumber:
        """The number under which an enabled extension's command runs: the wanted one or, where none is, that of its newest settings."""
        if extension in wanted:
            return wanted[extension]
        return self.newest_settings(folder).get(extension, SequenceNumber(0))

    def carry_over(self, old: HandlerFolder, new: HandlerFolder) -> None:
        """Copy what a handler remembers across an update: mrseq and its status files. Source: extensions.md §3.7."""
        self._own(new, new.status)
        for name in self.files.names(old.status) if self._is_own(old, old.status) else ():
            self._carry(old.status / name, new.status / name)
        self._carry(old.most_recent_sequence_file, new.most_recent_sequence_file)

    def _carry(self, source: Path, destination: Path) -> None:
        info = self.files.info(source)
        if info is None or not info.is_file:
            return
        if info.size > LARGEST_CARRIED:
            self._log.warning("file.left_behind", file=source, size=info.size)
            return
        # What a daemon of the old version renames meanwhile is not there any more.
        with contextlib.suppress(FileNotFoundError):
            self.files.copy(source, destination)

    def remove(self, folder: HandlerFolder) -> None:
        """Remove a handler version and its package."""
        self.files.remove(folder.path)
        self.files.remove(self.layout.archive(folder.name, folder.version))

    def discard(self, folder: HandlerFolder) -> None:
        """Remove a version that another has replaced. What cannot go, such as a mount in it, stays, but counts as no version."""
        try:
            self.remove(folder)
        except HostError as error:
            self._log.warning("handler.left_over", folder=folder.path, problem=error)
            for part in (folder.manifest_file, folder.config):
                with contextlib.suppress(HostError):
                    self.files.remove(part)

    def vanished(self, keep: Iterable[str]) -> tuple[Installed, ...]:
        """Handlers here whose names are not in `keep`."""
        names = set(keep)
        return tuple(here for here in self.installed() if here.name not in names and self._is_package(here))

    def remove_vanished(self, keep: Iterable[str]) -> tuple[str, ...]:
        """Remove, without running commands, handlers that the goal state no longer names. Source: extensions.md §3.9.

        Gives the names of the removed folders.
        """
        gone = []
        for here in self.vanished(keep):
            folder = self.layout.handler(here.name, here.version.text)
            try:
                self.remove(folder)
                gone.append(folder.path.name)
            except HostError as error:
                self._log.error("handler.irremovable", folder=folder.path, problem=error)
        return tuple(gone)

    def _is_package(self, here: Installed) -> bool:
        # Handlers keep folders of their own beside ours; only what was unpacked here is ours to remove.
        folder = self.layout.handler(here.name, here.version.text)
        try:
            return any(
                self.files.info(path) is not None
                for path in (folder.manifest_file, folder.handler_status_file)
            )
        except HostError as error:
            self._log.warning("file.unreadable", file=folder.path, problem=error)
            return False

    def _text(self, path: Path) -> str | None:
        content = self._bytes(path)
        return None if content is None else content.decode("utf-8", "replace")

    def _bytes(self, path: Path) -> bytes | None:
        try:
            return self.files.read(path, at_most=MORE_THAN_A_SETTINGS_FILE)
        except FileNotFoundError:
            return None
        except HostError as error:
            self._log.warning("file.unreadable", file=path, problem=error)
            return None
