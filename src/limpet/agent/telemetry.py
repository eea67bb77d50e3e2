"""Telemetry: what the agent did, and what handlers left to be told, goes to the fabric once a minute at the most.

Source: wire-protocol.md §8, extensions.md §7. What cannot be sent is lost, as the contract has it.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

from limpet.agent.posts import Posts
from limpet.agent.refusals import REFUSALS
from limpet.model.errors import FabricError, HostError, LimpetError, MalformedDocument
from limpet.wire import eventparameters, handlerevents, hostingenvironment, imds, telemetry, tld
from limpet.wire.http import MIB, accepted
from limpet.wire.names import fit_for_a_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from limpet.agent.board import Board
    from limpet.agent.fabric import Fabric
    from limpet.agent.machine import Talking
    from limpet.agent.store import Store
    from limpet.model.ids import Url
    from limpet.model.telemetry import Event, Value

LARGEST_FILE = 4 * MIB
MOST_EVENTS = 360
"""For each handler and each collection."""
HALF_WRITTEN = 3.0
"""How old a file must be to be called broken, seconds."""
MOST_WAITING = 200
MOST_SPOOLED = 1000
_EVENT_FILE = re.compile(r"\d+\.json\Z")


class Common:
    """The parameters that all events share; asked of the fabric once, when the first event is to be sent."""

    def __init__(
        self, fabric: Fabric, board: Board, machine: Talking, *, facts: dict[str, Value], metadata: str
    ) -> None:
        self._fabric = fabric
        self._http = machine.http
        self._board = board
        self._log = machine.log
        self._facts = facts
        self._metadata = metadata
        self._asked: dict[str, Value] | None = None
        self._refused = False

    def parameters(self) -> dict[str, Value]:
        """What every event has."""
        snapshot = self._board.snapshot
        if snapshot is None:
            return dict(self._facts)
        if self._asked is None or self._refused:
            self._refused = False  # who is refused asks again: that may end
            self._asked = dict(self._of_the_fabric(snapshot.goal_state.hosting_environment)) | dict(
                self._of_metadata()
            )
        state = snapshot.goal_state
        own: dict[str, Value] = {"ContainerId": state.container_id, "RoleInstanceName": state.instance_id}
        return {**self._facts, **self._asked, **own}

    def _of_the_fabric(self, url: Url) -> Iterator[tuple[str, Value]]:
        try:
            body = self._fabric.document(url, "HostingEnvironmentConfig")
            names = hostingenvironment.parse_hosting_environment(body)
        except FabricError as error:
            self._log.warning("telemetry.no_names", problem=error)
            return
        yield "TenantName", names.deployment_name
        yield "RoleName", names.role_name

    def _of_metadata(self) -> Iterator[tuple[str, Value]]:
        try:
            response = self._http.exchange(imds.instance_request("compute", endpoint=self._metadata))
            compute = imds.parse_compute(accepted(response, "instance metadata").body)
        except FabricError as error:
            self._log.warning("telemetry.no_metadata", problem=error)
            self._refused = getattr(error, "status", None) in REFUSALS
            return
        yield "Location", compute.location
        yield "SubscriptionId", compute.subscription_id
        yield "ResourceGroupName", compute.resource_group
        yield "VMId", compute.vm_id


class Telemetry:
    """Collects events and sends them."""

    def __init__(
        self,
        store: Store,
        fabric: Fabric,
        machine: Talking,
        common: Callable[[], dict[str, Value]],
        *,
        spool: bool = True,
    ) -> None:
        """spool: whether the older spool in the library folder is this agent's to send."""
        self._spool = spool
        self._store = store
        self._fabric = fabric
        self._posts = Posts(fabric, machine.clock, machine.log)
        self._clock = machine.clock
        self._log = machine.log
        self._common = common
        self._waiting: deque[tuple[float, dict[str, Value]]] = deque(maxlen=MOST_WAITING)
        self._counters: deque[tuple[float, dict[str, Value]]] = deque(maxlen=MOST_WAITING)

    def did(
        self,
        name: str,
        version: str,
        operation: str,
        *,
        success: bool,
        message: str,
        seconds: float,
        at: float | None = None,
    ) -> None:
        """Note an operation, such as the agent's on a handler; sent with the next `send`. May be called from any task.

        at: seconds since 1970; None for now.
        """
        self._waiting.append(
            (
                self._clock.now() if at is None else at,
                {
                    "Name": name,
                    "Version": version,
                    "Operation": operation,
                    "OperationSuccess": success,
                    "Message": message,
                    "Duration": round(seconds * 1000),
                },
            )
        )

    def counted(self, instance: str, counters: Sequence[tuple[str, str, float]]) -> None:
        """Note what a control group has used: category, counter, value; sent with the next `send`."""
        now = self._clock.now()
        for category, counter, value in counters:
            specific: dict[str, Value] = {
                "Category": category, "Counter": counter, "Instance": instance, "Value": value,
            }  # fmt: skip
            self._counters.append((now, specific))

    def send(self) -> float | None:
        """Send the agent's own events and those of the older spool. Gives the seconds until what is left may go; None for nothing."""
        spooled = self._spooled() if self._spool else []
        if not self._waiting and not self._counters and not spooled:
            return self._posts.flush()
        common = self._common()
        own = []
        while self._waiting:
            at, specific = self._waiting.popleft()
            own.append(
                eventparameters.operation_event(
                    specific, {**common, "OpcodeName": eventparameters.event_time(at)}
                )
            )
        while self._counters:
            at, specific = self._counters.popleft()
            moment = {**common, "OpcodeName": eventparameters.event_time(at)}
            own.append(eventparameters.counter_event(specific, moment))
        self._post(
            [*own, *(tld.adopted(event, modified=modified, common=common) for event, modified in spooled)]
        )
        return self._posts.flush()

    def collect(self) -> None:
        """Send what every handler has left in its events folder, newest first, and remove it; also what one left that has gone."""
        found: list[Event] = []
        for name in self._store.files.names(self._store.layout.logs):
            if not (fit_for_a_file(name) and "." in name):
                continue  # handlers' other folders are named like custom-script
            try:
                found += self._of_handler(name, self._store.layout.events(name))
            except HostError as error:
                self._log.warning("telemetry.unusable", handler=name, problem=error)
        if found:
            self._post(found)
            self._posts.flush()  # what may not go yet goes with what is sent next

    def _post(self, events: list[Event]) -> None:
        requests, dropped = telemetry.telemetry_requests(self._fabric.wire_server, events)
        self._posts.add(requests)
        if dropped:
            self._log.warning("telemetry.too_large", events=len(dropped))

    def _of_handler(self, name: str, folder: Path) -> list[Event]:
        files = self._store.files
        found: list[Event] = []
        there = [files.info(path) for path in (folder.parent, folder)]
        if not all(info is not None and info.is_folder for info in there):
            return found  # a link might lead to files that are not events, and all of them would be removed
        for file_name in sorted(files.names(folder), reverse=True):
            path = folder / file_name
            info = files.info(path)
            if info is None or info.is_folder:
                continue  # folders inside are the handler's own
            events: list[Event] = []
            if (
                _EVENT_FILE.match(file_name)
                and info.is_file
                and info.size <= LARGEST_FILE
                and len(found) < MOST_EVENTS
            ):
                try:
                    events = self._in_file(name, path, info.modified)[: MOST_EVENTS - len(found)]
                except (FileNotFoundError, LimpetError) as error:
                    if 0 <= self._clock.now() - info.modified < HALF_WRITTEN:
                        continue  # it may be complete the next time
                    self._log.warning("telemetry.unusable", file=path, problem=error)
            if self._removed(path):
                found += events
        return found

    def _removed(self, path: Path) -> bool:
        """Remove what was read. What cannot be removed is not sent: it would be sent for ever."""
        try:
            self._store.files.remove(path)
        except HostError as error:
            self._log.warning("telemetry.irremovable", file=path, problem=error)
            return False
        return True

    def _in_file(self, name: str, path: Path, modified: float) -> list[Event]:
        """Raises: FileNotFoundError, LimpetError."""
        events, rejected = handlerevents.parse_handler_events(
            self._store.files.read(path, at_most=LARGEST_FILE)
        )
        if rejected:
            self._log.warning("telemetry.rejected", handler=name, reasons=rejected)
        common = self._common()
        return [
            handlerevents.to_event(event, handler=name, modified=modified, common=common) for event in events
        ]

    def _spooled(self) -> list[tuple[Event, float]]:
        """The older spool's events with their files' times; the files are removed."""
        folder, files = self._store.layout.spool, self._store.files
        found = []
        for name in [name for name in files.names(folder) if name.endswith(".tld")][:MOST_SPOOLED]:
            path = folder / name
            info = files.info(path)
            if info is None or not info.is_file:
                continue
            try:
                event = tld.parse_event_file(files.read(path, at_most=LARGEST_FILE))
            except (FileNotFoundError, HostError, MalformedDocument) as error:
                self._log.warning("telemetry.unusable", file=path, problem=error)
                self._removed(path)
            else:
                if self._removed(path):
                    found.append((event, info.modified))
        return found
