"""Takes one piece of work through its steps. This is the border at which a handler's failure ends.

A HandlerError is recorded for the report and goes no further than the work list; any other error is the agent's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.agent.lifecycle import Wish
from limpet.agent.steps import ExtensionFailed, Job, handler_status
from limpet.agent.worklist import installed_version, plan
from limpet.model.errors import Code, HandlerError, HostError
from limpet.model.status import HandlerStatusWord
from limpet.model.version import Version

if TYPE_CHECKING:
    from limpet.agent.board import Board
    from limpet.agent.layout import HandlerFolder
    from limpet.agent.packages import Choice, Packages
    from limpet.agent.steps import Steps
    from limpet.agent.store import Store
    from limpet.agent.worklist import Item
    from limpet.host.ports import Log


class Runner:
    """Does the steps of items, one after the other, and records what became of each."""

    def __init__(
        self,
        store: Store,
        packages: Packages,
        steps: Steps,
        log: Log,
        board: Board,
    ) -> None:
        self._store = store
        self._packages = packages
        self._steps = steps
        self._log = log
        self._board = board

    def run(self, item: Item) -> None:
        """Do what `item` wants. Raises: HandlerError, after it has been recorded for the report; HostError."""
        self._run(item)
        while item.wish is Wish.UNINSTALL and self._store.versions(item.handler.name):
            self._run(item)  # a failed update leaves two versions

    def _run(self, item: Item) -> None:
        folder: HandlerFolder | None = None
        try:
            choice, version = self._version(item)
            folder = self._store.layout.handler(item.handler.name, version.text)
            work = plan(item, version, self._store.installed(item.handler.name))
            self._log.info(
                "handler.work",
                handler=item.title,
                version=version,
                reason=work.reason,
                steps=", ".join(step.value for step in work.steps),
            )
            self._steps.perform(Job(item=item, folder=folder, work=work, choice=choice))
        except HandlerError as error:
            self._fail(item, folder, error)
            raise
        finally:
            self._board.ring()

    def fail(self, item: Item, error: HandlerError, *, forbidden: bool = False) -> None:
        """Record a failure that was found before any step of `item`.

        forbidden: by this machine, so that what a handler has said before is no answer any more. Source: extensions.md §3.8.
        """
        self._fail(item, None, error, forbidden=forbidden)
        self._board.ring()

    def note_done(self, item: Item, said: str) -> None:
        """Record that somebody else has done what `item` wants. Raises: HostError."""
        folder = self._store.folder_of(item.handler)
        self._steps.place_success(item, folder, said)
        self._store.set_handler_status(
            folder, handler_status(item, folder.version, HandlerStatusWord.READY, said, int(Code.SUCCESS))
        )
        self._log.info("handler.bridged", handler=item.title)
        self._board.ring()

    def skip(self, item: Item, reason: str) -> None:
        """Record that `item` was not touched: what it depends on failed. Its siblings in the same handler go on."""
        self.fail(item, HandlerError(reason) if item.extension is None else ExtensionFailed(reason))

    def _version(self, item: Item) -> tuple[Choice | None, Version]:
        if item.handler.invalid is not None:
            raise HandlerError(item.handler.invalid)
        if item.wish in {Wish.ENABLE, Wish.WITHDRAW}:
            choice = self._packages.choose(item.handler)
            return choice, choice.version
        mine = self._store.versions(item.handler.name)
        here = installed_version(item, mine)
        if here is None and item.wish is Wish.UNINSTALL:
            here = max((each.version for each in mine), default=None)
        return None, here or Version.parse(item.handler.version)

    def _fail(
        self, item: Item, folder: HandlerFolder | None, error: HandlerError, *, forbidden: bool = False
    ) -> None:
        """Record `error` where the report looks for it. folder: None while no version was worked on."""
        self._log.error("handler.failed", handler=item.title, code=int(error.code), problem=error)
        status = handler_status(
            item, item.handler.version, HandlerStatusWord.NOT_READY, str(error), int(error.code)
        )
        if item.handler.invalid is not None:
            self._board.refuse(status)  # its name may not be fit for a folder
            return
        try:
            folder = folder or self._store.folder_of(item.handler)
            refused = forbidden and item.wish is Wish.ENABLE
            if item.extension is not None or refused:
                self._steps.place_status(item, folder, error, anyway=refused)
            known = isinstance(error, ExtensionFailed) and self._store.handler_status(folder) is not None
            if not known:
                status = replace(status, version=folder.version)
                spoken = self._store.folder_of(item.handler)
                for each in (folder,) if spoken == folder else (folder, spoken):
                    self._store.set_handler_status(each, status)  # the second one is where the report looks
        except (HostError, OSError) as problem:
            self._log.error("handler.unrecorded", handler=item.title, problem=problem)
            self._board.refuse(status)  # the disk does not take it: the report has it from memory
