"""Extension telemetry: what handlers leave in their events folders goes to the fabric, and the files go away.

Source: extensions.md §7.1, §7.2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from limpet.model.errors import HostError, MalformedDocument
from limpet.wire import handlerevents, telemetry
from limpet.wire.http import MIB

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from limpet.agent.fabric import Fabric
    from limpet.agent.layout import HandlerFolder
    from limpet.agent.store import Store
    from limpet.host.ports import Clock, Log
    from limpet.model.telemetry import Event, Value

LARGEST_FILE = 4 * MIB
MOST_EVENTS = 360
"""For each handler and each collection."""
_EVENT_FILE = re.compile(r"\d+\.json\Z")


class HandlerTelemetry:
    """Collects what every handler on disk has left, newest first, and sends it. What cannot be sent is lost."""

    def __init__(
        self, store: Store, fabric: Fabric, clock: Clock, log: Log, *, common: Callable[[], dict[str, Value]]
    ) -> None:
        self._store = store
        self._fabric = fabric
        self._clock = clock
        self._log = log
        self._common = common

    def collect(self) -> None:
        """Send what is there and remove it; folders inside the events folders are the handlers' own."""
        events: list[Event] = []
        for here in self._store.installed():
            folder = self._store.layout.handler(here.name, here.version.text)
            events += self._of_handler(folder)
        requests, dropped = telemetry.telemetry_requests(self._fabric.wire_server, events)
        for request in requests:
            self._fabric.send(request)
        if dropped:
            self._log.warning("telemetry.too_large", events=len(dropped))

    def _of_handler(self, folder: HandlerFolder) -> list[Event]:
        files = self._store.files
        found: list[Event] = []
        for name in sorted(files.names(folder.events), reverse=True):
            path = folder.events / name
            info = files.info(path)
            if info is None or info.is_folder:
                continue
            if _EVENT_FILE.match(name) and info.size <= LARGEST_FILE and len(found) < MOST_EVENTS:
                found += self._in_file(folder, path, info.modified)[: MOST_EVENTS - len(found)]
            files.remove(path)
        return found

    def _in_file(self, folder: HandlerFolder, path: Path, modified: float) -> list[Event]:
        try:
            events, rejected = handlerevents.parse_handler_events(
                self._store.files.read(path, at_most=LARGEST_FILE)
            )
        except (FileNotFoundError, HostError, MalformedDocument) as error:
            self._log.warning("telemetry.unusable", file=path, problem=error)
            return []
        if rejected:
            self._log.warning("telemetry.rejected", handler=folder.name, reasons=rejected)
        common = self._common()
        return [
            handlerevents.to_event(
                event, handler=folder.name, version=folder.version, modified=modified, common=common
            )
            for event in events
        ]
