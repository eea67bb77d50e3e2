"""Takes one piece of work through its steps. The border at which a handler's failure ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.agent.lifecycle import Wish
from limpet.agent.steps import ExtensionFailed, Job, note
from limpet.agent.worklist import installed_version, plan
from limpet.model.errors import HandlerError
from limpet.model.status import HandlerStatusWord
from limpet.model.version import Version

if TYPE_CHECKING:
    from collections.abc import Callable

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
        *,
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._packages = packages
        self._steps = steps
        self._log = log
        self._changed = changed

    def run(self, item: Item) -> None:
        """Do what `item` wants. Raises: HandlerError, after it has been recorded for the report."""
        folder: HandlerFolder | None = None
        try:
            choice, version = self._version(item)
            folder = self._store.layout.handler(item.handler.name, version.text)
            work = plan(item, version, self._store.installed())
            self._log.info(
                "handler.work",
                handler=item.title,
                version=version,
                reason=work.reason,
                steps=", ".join(step.value for step in work.steps),
            )
            self._steps.perform(Job(item=item, folder=folder, work=work, choice=choice))
        except HandlerError as error:
            self._fail(item, folder or self._fallback_folder(item), error)
            raise
        finally:
            self._changed()

    def fail(self, item: Item, error: HandlerError) -> None:
        """Record a failure that was found before any step of `item`."""
        self._fail(item, self._fallback_folder(item), error)
        self._changed()

    def _version(self, item: Item) -> tuple[Choice | None, Version]:
        if item.handler.invalid is not None:
            raise HandlerError(item.handler.invalid)
        if item.wish in {Wish.ENABLE, Wish.WITHDRAW}:
            choice = self._packages.choose(item.handler)
            return choice, choice.version
        here = installed_version(item.handler.name, self._store.installed())
        return None, here or Version.parse(item.handler.version)

    def _fallback_folder(self, item: Item) -> HandlerFolder:
        return self._store.layout.handler(item.handler.name, item.handler.version)

    def _fail(self, item: Item, folder: HandlerFolder, error: HandlerError) -> None:
        self._log.error("handler.failed", handler=item.title, code=int(error.code), problem=error)
        if isinstance(error, ExtensionFailed):
            return
        note(self._store, folder, HandlerStatusWord.NOT_READY, str(error), int(error.code), item)
