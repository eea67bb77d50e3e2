"""What each step of the lifecycle does, and what is recorded when it went well. Source: extensions.md §3.6.

The tables of `lifecycle` say which steps are done, and in which order; the table at the end of this module has a method for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.agent.commands import Occasion
from limpet.agent.lifecycle import Step, Wish
from limpet.agent.update import Update
from limpet.model.errors import HandlerError
from limpet.model.manifest import HandlerState
from limpet.model.status import ExtensionState, HandlerStatus, HandlerStatusWord, Message
from limpet.wire import statusfile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from limpet.agent.certificates import Certificates
    from limpet.agent.commands import Commands
    from limpet.agent.layout import HandlerFolder
    from limpet.agent.machine import Machine
    from limpet.agent.packages import Choice, Packages
    from limpet.agent.store import Store
    from limpet.agent.worklist import Item, PlannedWork
    from limpet.model.ids import SequenceNumber


class ExtensionFailed(HandlerError):
    """One extension of a multi-config handler failed; the handler's own status stays as it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """An item with what was decided about it. choice: None where only the installed version can be used."""

    item: Item
    folder: HandlerFolder
    work: PlannedWork
    choice: Choice | None

    def occasion(self, step: Step, extra: Mapping[str, str] | None = None) -> Occasion:
        """For whose sake a command of this job runs."""
        settings = self.item.settings
        return Occasion(
            step=step,
            sequence_number=settings.sequence_number if settings is not None else 0,
            extension=self.item.extension,
            extra=extra or {},
        )

    @property
    def numbers(self) -> Mapping[str, SequenceNumber]:
        """The sequence numbers that are wanted of the handler's extensions."""
        return {settings.name: settings.sequence_number for settings in self.item.handler.settings}

    def failure(self, error: HandlerError) -> HandlerError:
        """What concerns one extension only, as such: with multi-config its siblings go on."""
        return error if self.item.extension is None else ExtensionFailed(str(error), code=error.code)


class Steps:
    """Performs jobs."""

    def __init__(
        self,
        store: Store,
        packages: Packages,
        commands: Commands,
        certificates: Certificates,
        machine: Machine,
        *,
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._packages = packages
        self._commands = commands
        self._certificates = certificates
        self._clock = machine.clock
        self._log = machine.log
        self._changed = changed

    def perform(self, job: Job) -> None:
        """Do a job's steps in order. Raises: HandlerError, at the first one that fails."""
        old = job.work.old
        update = None
        if old is not None:
            folder = self._store.layout.handler(job.folder.name, old.text)
            update = Update(self._store, self._commands, folder, job.folder, job.numbers)
        for step in job.work.steps:
            action = _ACTIONS.get(step)
            if action is not None:
                action(self, job, update)
            elif update is not None:
                update.run(step, job.occasion(step))

    def _download(self, job: Job, update: Update | None) -> None:
        if job.choice is None:
            raise HandlerError(f"{job.folder.name}: no version was chosen")
        self._packages.bring(job.item.handler, job.choice, job.folder)
        self._store.prepare(job.folder)
        self._store.set_state(job.folder, HandlerState.NOT_INSTALLED)
        self._check_multiple(job)
        self._note(job, HandlerStatusWord.INSTALLING, f"Installing version {job.folder.version}")

    def _check_multiple(self, job: Job) -> None:
        """Raises: HandlerError, for several extensions of a handler that knows only one, and for a manifest that is none."""
        manifest = self._store.manifest(job.folder)
        if job.item.handler.multi_config and not manifest.supports_multiple_extensions:
            raise HandlerError(
                f"The goal state has several extensions for {job.folder.name}, but its HandlerManifest.json "
                "does not say supportsMultipleExtensions. Please retry with updated settings."
            )

    def _write_settings(self, job: Job, update: Update | None) -> None:
        if job.item.handler.multi_config:
            self._check_multiple(job)  # also of a handler that was installed when it had only one
        try:
            self._await_use(job.item)
        except HandlerError as error:
            raise job.failure(error) from error
        self._store.write_settings(job.folder, job.item.settings, job.item.extension)

    def _await_use(self, item: Item) -> None:
        """Wait until an extension's settings can be used. Raises: HandlerError."""
        settings = item.settings
        if settings is not None and settings.invalid is not None:
            raise HandlerError(settings.invalid)
        if settings is not None and not settings.usable:
            raise HandlerError(
                f"The settings of {item.title} (sequence number {settings.sequence_number}) are not valid JSON. "
                "Please retry with updated settings."
            )
        if settings is not None and settings.protected is not None and settings.thumbprint is not None:
            self._certificates.wait_for(settings.thumbprint)

    def _install(self, job: Job, update: Update | None) -> None:
        extra = update.uninstall_variable if update is not None else None
        self._commands.run(job.folder, job.occasion(Step.INSTALL, extra))
        self._installed(job)

    def _install_if_update_mode(self, job: Job, update: Update | None) -> None:
        if self._store.manifest(job.folder).update_with_install:
            self._install(job, update)
        else:
            self._installed(job)

    def _installed(self, job: Job) -> None:
        self._store.set_state(job.folder, HandlerState.INSTALLED)
        self._note(job, HandlerStatusWord.NOT_READY, "Plugin installed but not enabled")

    def _enable(self, job: Job, update: Update | None) -> None:
        extra = update.uninstall_variable if update is not None else None
        try:
            self._commands.run(job.folder, job.occasion(Step.ENABLE, extra))
        except HandlerError as error:
            raise job.failure(error) from error
        if job.item.extension is not None:
            self._store.set_extension_enabled(job.folder, job.item.extension)
        self._store.set_state(job.folder, HandlerState.ENABLED)
        self._note(job, HandlerStatusWord.READY, "Plugin enabled")

    def _disable(self, job: Job, update: Update | None) -> None:
        """Withdraw one extension; its failure does not keep it from going."""
        extension = job.item.extension
        if extension is None or not self._store.extension_enabled(job.folder, extension):
            return
        try:
            self._commands.run(job.folder, job.occasion(Step.DISABLE))
        except HandlerError as error:
            self._log.warning("handler.disable_failed", handler=job.item.title, problem=error)
        self._store.set_extension_disabled(job.folder, extension)
        if not self._store.enabled_extensions(job.folder):
            self._disabled(job)

    def _disable_every(self, job: Job, update: Update | None) -> None:
        if job.item.wish is Wish.UNINSTALL and not self._has_commands(job.folder):
            return  # nothing can be run: that must not keep the handler from going
        # What is enabled here counts: a goal state that uninstalls a handler may name none of its extensions.
        enabled = self._store.enabled_extensions(job.folder)
        if not enabled:
            self._commands.run(job.folder, job.occasion(Step.DISABLE_EVERY))
        for extension in enabled:
            number = self._store.number_of(job.folder, extension, job.numbers)
            occasion = Occasion(step=Step.DISABLE_EVERY, sequence_number=number, extension=extension)
            self._commands.run(job.folder, occasion)
            self._store.set_extension_disabled(job.folder, extension)
        self._disabled(job)

    def _has_commands(self, folder: HandlerFolder) -> bool:
        try:
            return bool(self._store.manifest(folder).commands)
        except HandlerError as error:
            self._log.warning("handler.no_commands", handler=folder.name, problem=error)
            return False

    def _disabled(self, job: Job) -> None:
        self._store.set_state(job.folder, HandlerState.INSTALLED)
        self._note(job, HandlerStatusWord.NOT_READY, "Plugin disabled")

    def _uninstall(self, job: Job, update: Update | None) -> None:
        try:
            self._commands.run(job.folder, job.occasion(Step.UNINSTALL))
        except HandlerError as error:
            # The package goes all the same: the platform takes its disappearance as success.
            self._log.warning("handler.uninstall_failed", handler=job.folder.name, problem=error)

    def _remove(self, job: Job, update: Update | None) -> None:
        self._store.remove(job.folder)

    def _forget(self, job: Job, update: Update | None) -> None:
        if job.item.extension is not None:
            self._store.forget_extension(job.folder, job.item.extension)

    def place_status(
        self, item: Item, folder: HandlerFolder, error: HandlerError, *, anyway: bool = False
    ) -> None:
        """Write an error into an extension's status file, where the handler has written none; or anyway.

        Source: extensions.md §3.8, §6.7.
        """
        if item.settings is None:
            return
        path = folder.status_file(item.settings.sequence_number, item.extension)
        if anyway or self._store.files.info(path) is None:
            self._write_status(item, folder, path, ExtensionState.ERROR, int(error.code), str(error))

    def place_success(self, item: Item, folder: HandlerFolder, said: str) -> None:
        """Write the status of an extension that was done by somebody else."""
        if item.settings is not None:
            path = folder.status_file(item.settings.sequence_number, item.extension)
            self._write_status(item, folder, path, ExtensionState.SUCCESS, 0, said)

    def _write_status(
        self, item: Item, folder: HandlerFolder, path: Path, status: ExtensionState, code: int, message: str
    ) -> None:
        content = statusfile.render_placeholder(
            name=item.title,
            operation="Enable",
            status=status,
            code=code,
            message=message,
            timestamp=self._clock.now(),
        )
        self._store.write_status(folder, path, content)

    def _note(self, job: Job, word: HandlerStatusWord, message: str) -> None:
        self._store.set_handler_status(
            job.folder, handler_status(job.item, job.folder.version, word, message, 0)
        )
        self._changed()


_ACTIONS: Mapping[Step, Callable[[Steps, Job, Update | None], None]] = {
    Step.DOWNLOAD: Steps._download,
    Step.WRITE_SETTINGS: Steps._write_settings,
    Step.INSTALL: Steps._install,
    Step.INSTALL_IF_UPDATE_MODE: Steps._install_if_update_mode,
    Step.ENABLE: Steps._enable,
    Step.DISABLE: Steps._disable,
    Step.DISABLE_EVERY: Steps._disable_every,
    Step.UNINSTALL: Steps._uninstall,
    Step.REMOVE: Steps._remove,
    Step.FORGET: Steps._forget,
}


def handler_status(
    item: Item, version: str, word: HandlerStatusWord, message: str, code: int
) -> HandlerStatus:
    """What the report says of a handler."""
    return HandlerStatus(
        name=item.handler.name,
        version=version,
        status=word.value,
        code=code,
        message=Message(message=message),
        supports_multi_config=item.handler.multi_config,
    )
