"""Makes the aggregate status, as it stands now, of the board, handlers' records and their status files.

Source: wire-protocol.md §6, extensions.md §6.6.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.agent.policy import EVERYTHING
from limpet.agent.worklist import unsupported_features
from limpet.model.errors import Code, HandlerError
from limpet.model.extensions import Wanted
from limpet.model.manifest import HandlerState
from limpet.model.redact import redacted
from limpet.model.status import AgentStatus, HandlerStatusWord, Message, SettingsStatus, UpdateStatus
from limpet.wire.ticks import seconds_to_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from limpet.agent.board import Board, Snapshot
    from limpet.agent.layout import HandlerFolder
    from limpet.agent.policy import Policy
    from limpet.agent.policy_file import PolicyFile
    from limpet.agent.statuses import Statuses
    from limpet.agent.store import Store
    from limpet.agent.worklist import Installed
    from limpet.host.ports import Clock
    from limpet.model.extensions import ExtensionSettings, Handler
    from limpet.model.ids import SequenceNumber
    from limpet.model.status import GuestInfo, HandlerStatus

# Not VersioningGovernance: the platform must not choose the version of an agent that its image brings.
_FEATURES = (("MultipleExtensionsPerHandler", "1.0"),)
_FAST_TRACK = ("FastTrack", "1.0")
RUNNING = "Guest Agent is running"


class Report:
    """Builds the aggregate status from what is on the board and on disk."""

    def __init__(
        self,
        board: Board,
        store: Store,
        statuses: Statuses,
        clock: Clock,
        guest: GuestInfo,
        *,
        family: str = "Prod",
        extensions_enabled: bool = True,
        says: str = RUNNING,
        policy: Policy = EVERYTHING,
        policy_file: PolicyFile | None = None,
    ) -> None:
        """says: what the agent's own message begins with; where it runs in a stage of an appliance, it names that."""
        self._board = board
        self._store = store
        self._statuses = statuses
        self._clock = clock
        self._guest = guest
        self._family = family
        self._extensions_enabled = extensions_enabled
        self._policy = policy
        self._policy_file = policy_file
        self._last: dict[str, tuple[HandlerStatus, ...]] = {}
        self.says = says
        self.word = HandlerStatusWord.READY.value

    def build(self) -> AgentStatus:
        """The status as it stands now."""
        self._statuses.begin()
        snapshot = self._board.snapshot
        awaited = self._board.awaited or ()
        installed = self._store.installed()
        if snapshot is None:
            handlers: tuple[HandlerStatus, ...] = ()
        elif unsupported_features(snapshot.extensions):
            handlers = tuple(self._of_disk(installed))
        else:
            named = snapshot.extensions.handlers
            entries = [(handler.name, tuple(self._of_handler(handler, installed))) for handler in named]
            several = {
                name for name, times in Counter(handler.name for handler in named).items() if times > 1
            }
            self._last = {name: own for name, own in entries if name not in several}
            handlers = tuple(entry for _, own in entries for entry in own)
        return AgentStatus(
            timestamp=seconds_to_text(self._clock.now()),
            guest=self._guest,
            status=self.word,
            message=Message(message=redacted("; ".join((self.says, *self._board.troubles, *awaited[1:])))),
            update=self._update(snapshot) if snapshot is not None else None,
            handlers=handlers,
            goal_state=self._board.aggregate,
            supported_features=_FEATURES + ((_FAST_TRACK,) if self._board.fast_track else ()),
        )

    def _update(self, snapshot: Snapshot) -> UpdateStatus | None:
        """What became of the agent version that the platform chose; only where it chooses. Source: wire-protocol.md §6.3."""
        families = [family for family in snapshot.extensions.families if family.name == self._family]
        chosen = next((family for family in families if family.is_vm_enabled_for_rsm_upgrades), None)
        if chosen is None:
            return None
        running = self._guest.agent_version
        wanted = chosen.version if chosen.is_version_from_rsm and chosen.version is not None else running
        if wanted == running:
            return UpdateStatus(
                expected_version=running, status="Success", code=0, message=Message(message="")
            )
        text = f"Version {wanted} was not installed: this agent is updated with its machine's image or package, not by the fabric"
        return UpdateStatus(expected_version=running, status="Error", code=1, message=Message(message=text))

    def _of_handler(self, handler: Handler, installed: Sequence[Installed]) -> Iterator[HandlerStatus]:
        refusal = self._board.refusal(handler.name)
        if refusal is not None:
            yield refusal
        if refusal is not None or handler.invalid is not None:
            return
        folder = self._store.folder_of(handler, installed)
        known = self._store.handler_status(folder)
        if known is None:
            if handler.wanted is Wanted.ENABLED:
                # A new version is on its way: who reads the report must not take the handler for uninstalled.
                yield from self._last.get(handler.name, ())
            return
        gone = handler.wanted is Wanted.UNINSTALL and self._store.state(folder) is HandlerState.NOT_INSTALLED
        if gone and known.code == Code.SUCCESS:
            return
        status = self._while_waiting(self._corrected(folder, known))
        readable = (
            self._store.state(folder) is not HandlerState.NOT_INSTALLED
            or handler.multi_config
            or not self._extensions_enabled
            or (handler.wanted is Wanted.ENABLED and self._is_refused(handler))
        )
        entries = [
            entry
            for settings in (handler.settings if readable else ())
            if (entry := self._of_extension(handler, settings, folder, status)) is not None
        ]
        yield from entries or (
            status,
        )  # a handler without extensions, or with none that is not withdrawn, is here all the same

    def _while_waiting(self, status: HandlerStatus) -> HandlerStatus:
        """`status` with what is waited for, where that is a command of this handler."""
        awaited = self._board.awaited
        if awaited is None or awaited[0] != status.name:
            return status
        before = status.message.message if status.message is not None else ""
        return replace(status, message=Message(message="; ".join(filter(None, (before, awaited[1])))))

    def _is_refused(self, handler: Handler) -> bool:
        refused = self._policy_file is not None and self._policy_file.refusal(handler.name) is not None
        return refused or not self._policy.runs(handler.name)

    def _of_extension(
        self, handler: Handler, settings: ExtensionSettings, folder: HandlerFolder, status: HandlerStatus
    ) -> HandlerStatus | None:
        extension = settings.name if handler.multi_config else None
        withdrawn = extension is not None and settings.wanted is not Wanted.ENABLED
        if extension is not None and withdrawn and not self._store.extension_enabled(folder, extension):
            return None
        return self._with_settings(status, folder, settings.sequence_number, extension)

    def _with_settings(
        self, status: HandlerStatus, folder: HandlerFolder, number: SequenceNumber, extension: str | None
    ) -> HandlerStatus:
        return replace(
            status,
            settings=SettingsStatus(
                name=extension or folder.name,
                sequence_number=number,
                status=self._statuses.of_file(folder.status_file(number, extension)),
                extension_name=extension,
            ),
        )

    def _of_disk(self, installed: Sequence[Installed]) -> Iterator[HandlerStatus]:
        """Handlers as they are here, whatever the goal state names: it asks for features that are not supported.

        Of each extension the newest settings count. Source: extensions.md §3.3, §6.2.
        """
        for here in installed:
            folder = self._store.layout.handler(here.name, here.version.text)
            known = self._store.handler_status(folder)
            if known is None:
                continue
            status = self._corrected(folder, known)
            newest = (
                self._store.newest_settings(folder) if here.state is not HandlerState.NOT_INSTALLED else {}
            )
            if not newest:
                yield status
            for extension, number in newest.items():
                yield self._with_settings(status, folder, number, extension)

    def _corrected(self, folder: HandlerFolder, known: HandlerStatus) -> HandlerStatus:
        """`known` as the heartbeat has it; an error that the agent has found out is not hidden by a sign of life."""
        if self._store.state(folder) is HandlerState.NOT_INSTALLED or known.code != Code.SUCCESS:
            return known
        try:
            promised = self._store.manifest(folder).report_heartbeat
        except HandlerError:
            return known
        return self._statuses.with_heartbeat(folder, known) if promised else known
