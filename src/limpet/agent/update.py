"""Moving from one version of a handler to another. Source: extensions.md §3.7."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.agent.commands import NOT_RUN, CommandFailed, Occasion
from limpet.agent.lifecycle import Step
from limpet.model.errors import Code, HandlerError
from limpet.model.manifest import HandlerState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.agent.commands import Commands
    from limpet.agent.layout import HandlerFolder
    from limpet.agent.store import Store
    from limpet.model.ids import SequenceNumber


class Update:
    """One update in progress: from `old` to `new`, remembering how the old version's commands ended.

    A failing command of the old version stops the update unless the new manifest says to continue.
    """

    def __init__(
        self,
        store: Store,
        commands: Commands,
        old: HandlerFolder,
        new: HandlerFolder,
        numbers: Mapping[str, SequenceNumber],
    ) -> None:
        """numbers: what the goal state numbers each extension's settings with."""
        self._store = store
        self._commands = commands
        self._old = old
        self._new = new
        self._numbers = numbers
        self._disabled: dict[str | None, int] = {}
        self._uninstalled: int | None = None

    @property
    def uninstall_variable(self) -> Mapping[str, str]:
        """How the old version's uninstall ended, for the new version's install and enable."""
        code = NOT_RUN if self._uninstalled is None else str(self._uninstalled)
        return {"AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE": code}

    def run(self, step: Step, occasion: Occasion) -> None:
        """Do one of the steps that only updates have. Raises: HandlerError."""
        match step:
            case Step.DISABLE_OLD:
                self._disable_old(occasion)
            case Step.CARRY_OVER:
                self._store.carry_over(self._old, self._new)
            case Step.UPDATE | Step.UPDATE_BY_OLD:
                self._update(step, occasion)
            case Step.UNINSTALL_OLD:
                self._uninstalled = self._tolerantly(self._old, occasion)
            case Step.REMOVE_OLD:
                self._store.discard(self._old)
            case _:
                raise AssertionError(step)

    def _disable_old(self, occasion: Occasion) -> None:
        if self._store.state(self._old) is not HandlerState.ENABLED:
            return
        # What is enabled here counts: the handler may have had one extension and now have several, or the other way round.
        enabled = self._store.enabled_extensions(self._old)
        if not enabled:
            alone = replace(occasion, extension=None)
            self._disabled[None] = self._tolerantly(self._old, alone)
        for extension in enabled:
            number = self._store.number_of(self._old, extension, self._numbers)
            each = replace(occasion, sequence_number=number, extension=extension)
            self._disabled[extension] = self._tolerantly(self._old, each)
            self._store.set_extension_disabled(self._old, extension)
        self._store.set_state(self._old, HandlerState.INSTALLED)

    def _update(self, step: Step, occasion: Occasion) -> None:
        runner = self._new if step is Step.UPDATE else self._old
        # On a downgrade the old package is told, as the version left, the new one: a published quirk of the contract.
        leaving = self._old.version if step is Step.UPDATE else self._new.version
        extra = {"VERSION": self._new.version, "AZURE_GUEST_AGENT_UPDATING_FROM_VERSION": leaving}
        if occasion.extension is None:
            worst = next((code for code in self._disabled.values() if code != 0), 0)
            extra["AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODE"] = str(worst) if self._disabled else NOT_RUN
        else:
            # Every extension that is wanted now is in it, also one that the old version did not have.
            names = dict.fromkeys([*self._numbers, *filter(None, self._disabled)])
            codes = [{"extensionName": each, "exitCode": self._disable_code(each)} for each in names]
            extra["AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODES_MULTIPLE_EXTENSIONS"] = json.dumps(codes)
        told = Occasion(
            step=step, sequence_number=occasion.sequence_number, extension=occasion.extension, extra=extra
        )
        try:
            self._commands.run(runner, told)
        except HandlerError:
            self._store.set_state(runner, HandlerState.FAILED_UPGRADE)
            raise

    def _disable_code(self, extension: str) -> str:
        return str(self._disabled.get(extension, NOT_RUN))

    def _tolerantly(self, folder: HandlerFolder, occasion: Occasion) -> int:
        """Run a command of the old version and give its exit code; 0 when it went well."""
        try:
            self._commands.run(folder, occasion)
        except HandlerError as error:
            if not self._store.manifest(self._new).continue_on_update_failure:
                raise HandlerError(str(error), code=Code.UPDATE) from error
            return error.exit_code if isinstance(error, CommandFailed) else int(error.code)
        return 0
