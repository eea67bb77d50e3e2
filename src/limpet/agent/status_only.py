"""The status-only agent: it tells the fabric what the supervisor has to say, and does nothing else. Source: network-appliance.md R16.

It runs nothing, installs nothing and writes no handler's state; of handlers it repeats what was last known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from limpet.agent.board import Board, Snapshot
from limpet.agent.chores import HEALTH_EVERY, HostHealth
from limpet.agent.fabric import Fabric
from limpet.agent.handed import Handed
from limpet.agent.layout import Layout
from limpet.agent.news import News
from limpet.agent.policy import Policy
from limpet.agent.ready import tell
from limpet.agent.report import Report
from limpet.agent.reporter import Reporter
from limpet.agent.running import GUEST_SHELL
from limpet.agent.statuses import Statuses
from limpet.agent.store import Store
from limpet.guest.saying import LARGEST, PROVISIONING, READY, SAYING, Saying, parse_saying
from limpet.host.reported import ready_is_known
from limpet.model.errors import FabricError, FabricUnreachable, HostError, MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from limpet.agent.endpoint import Endpoint
    from limpet.agent.lease import FabricLease
    from limpet.agent.machine import Exchanger
    from limpet.agent.telemetry import Telemetry
    from limpet.config.settings import Config
    from limpet.host.ports import Clock, Files, Http, Log, Random
    from limpet.model.extensions import StatusUpload
    from limpet.model.goalstate import GoalState
    from limpet.model.status import GuestInfo
    from limpet.wire.http import Request, Response

LAST_SECONDS = 1.5
"""How long the last report may take, seconds."""
LOOK_EVERY = 0.5
"""How soon something new to say is seen where the kernel does not tell of it, seconds."""
HEALTH_AGAIN = 5.0
HAND_AGAIN = 5.0


class Hurry:
    """Another Http or Fetcher, for requests that shall end before a moment. deadline: on the monotonic clock; None for none."""

    def __init__(self, http: Exchanger, clock: Clock) -> None:
        """http: what does the work."""
        self._http = http
        self._clock = clock
        self.deadline: float | None = None

    def exchange(self, request: Request) -> Response:
        """Send one request and give its answer. Raises: FabricUnreachable."""
        if self.deadline is None:
            return self._http.exchange(request)
        left = self.deadline - self._clock.monotonic()
        if left <= 0.0:
            raise FabricUnreachable("there is no time left for another request")
        return self._http.exchange(replace(request, timeout=min(request.timeout, left)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What a status-only agent needs of a machine. library: reads handlers' records only. find: looks for the fabric.

    owes_ready: whether the boot stage could not say that the VM is ready.
    """

    http: Http
    fetcher: Exchanger
    files: Files
    library: Files
    clock: Clock
    chance: Random
    log: Log
    guest: GuestInfo
    find: Callable[[Http], Endpoint]
    owes_ready: Callable[[], bool]


class NoHistory:
    """Nothing is kept of what is reported."""

    def keep(self, name: str, content: bytes) -> None:
        """Leave it."""


class StatusOnly:
    """Made when the lease has been granted; all its work is done in one thread."""

    def __init__(
        self,
        means: Means,
        config: Config,
        lease: FabricLease,
        saying: Saying,
        *,
        exchange: Path,
        library: Path,
    ) -> None:
        """exchange: the exchange folder. library: where handlers' records are."""
        self._means = means
        self._config = config
        self._lease = lease
        self._exchange = exchange
        self._library = library
        self._hurry = Hurry(means.http, means.clock)
        self._direct = Hurry(means.fetcher, means.clock)
        self._news = News(exchange, lease.epoch or 0, means.files, means.clock, means.log)
        self._board = Board()
        self._saying = saying
        self._handed = Handed(exchange, means.files, means.log, self._news)
        self._telemetry: Telemetry | None = None
        self._left_to_hand = False
        self._said_in: object = None
        self._fabric: Fabric | None = None
        self._reporter: Reporter | None = None
        self._report: Report | None = None
        self._host_health: HostHealth | None = None
        self._told: tuple[str, str] | None = None
        self._poll_at = self._report_at = 0.0
        self._health_at = self._observe_at = self._hand_at = 0.0

    def turn(self) -> float:
        """Do what is due. Gives the seconds until something will be, unless the exchange folder changes before.

        Raises: LeaseLost.
        """
        self._lease.require()
        now = self._means.clock.monotonic()
        self._listen()
        if now >= self._poll_at:
            self._poll_at = now + (self._config.goal_state_period if self._poll() else 1.0)
        if self._reporter is not None and now >= self._report_at:
            self._report_at = now + self._reporter.report()
        if self._reporter is not None and self._board.snapshot is not None:
            self._tell_health(now)
            self._hand_on(now)
            self._observe(now)
        self._news.flush()
        return max(0.0, min(self._poll_at, self._report_at, now + LOOK_EVERY) - self._means.clock.monotonic())

    def last(self) -> None:
        """Report once more, in a short time, whatever was said before. Raises: LeaseLost."""
        self._listen()
        if self._reporter is not None and self._lease.lost is None:
            self._hurry.deadline = self._direct.deadline = self._means.clock.monotonic() + LAST_SECONDS
            self._reporter.again()
            if self._reporter.report(last=True) < LOOK_EVERY or self._reporter.failures:
                self._reporter.report(last=True)
        self._news.flush()

    def _listen(self) -> None:
        """Take up what the supervisor wants said now."""
        file = self._exchange / SAYING
        try:
            info = self._means.files.info(file)
            signature = info and (info.changed_ns, info.size)
            if signature == self._said_in:
                return
            self._said_in = signature
            if signature is not None:
                self._saying = parse_saying(self._means.files.read(file, at_most=LARGEST))
        except FileNotFoundError:
            return
        except (HostError, MalformedDocument) as error:
            self._means.log.warning("saying.unusable", file=file, problem=error)
        self._utter()

    def _utter(self) -> None:
        if self._report is not None:
            self._report.says, self._report.word = self._saying.text, self._saying.state
            self._board.ring()
            self._report_at = 0.0

    def _poll(self) -> bool:
        """Look at the goal state. Whether there is one."""
        try:
            fabric = self._fabric or self._found()
            state = fabric.goal_state()
            snapshot = self._board.snapshot
            if snapshot is None or snapshot.goal_state != state:
                self._adopt(fabric, state)
            self._news.goal_state(state)
        except FabricError as error:
            self._means.log.warning("fabric.unusable", problem=error)
            self._news.trouble(str(error))
            return False
        self._news.trouble(None)
        return True

    def _found(self) -> Fabric:
        """The fabric, which has answered as one. Raises: FabricUnreachable."""
        means, config = self._means, self._config
        endpoint = means.find(self._hurry)
        fabric = Fabric(
            self._hurry,
            means.clock,
            means.chance,
            wire_server=endpoint.wire_server,
            host_plugin=endpoint.host_plugin,
            elsewhere=self._direct,
        )
        store = self._store()
        statuses = Statuses(store, means.clock)
        self._report = Report(
            self._board,
            store,
            statuses,
            means.clock,
            means.guest,
            family=config.family,
            policy=Policy.of(replace(config, stage=GUEST_SHELL)),
        )
        self._reporter = Reporter(
            self._board,
            self._report,
            statuses,
            fabric,
            NoHistory(),
            replace(means, fetcher=self._direct),
            heartbeat=config.status_heartbeat,
            news=self._news,
        )
        self._host_health = HostHealth(fabric, means.clock)
        self._observe_at = means.clock.monotonic() + HEALTH_EVERY
        self._fabric = fabric
        self._utter()
        return fabric

    def _adopt(self, fabric: Fabric, state: GoalState) -> None:
        """Learn where status goes, and which handlers the platform asks after. Raises: FabricError."""
        known = self._board.snapshot
        if state.extensions_config is None:
            upload: StatusUpload | None = None
        else:
            extensions, _ = fabric.extensions_config(state.extensions_config, state.incarnation)
            upload = extensions.status_upload
        if upload is None:
            answer = fabric.vm_settings(None)
            if answer.settings is None:
                self._means.log.warning("status.no_place", incarnation=state.incarnation)
                return
            extensions = answer.settings
        self._board.adopt(
            Snapshot(round=known.round + 1 if known else 1, goal_state=state, extensions=extensions)
        )
        self._means.log.info("goal_state.seen", id=extensions.id, handlers=len(extensions.handlers))
        self._report_at = 0.0

    def _tell_health(self, now: float) -> None:
        """The other channel: what it shall have heard by now, once."""
        wish = self._owed()
        if wish is None or wish == self._told or now < self._health_at or self._fabric is None:
            return
        means = self._means
        self._health_at = now + HEALTH_AGAIN
        state, text = wish
        if tell(self._fabric, self._hurry, means.files, means.clock, means.log, state, text):
            self._told = wish
            if state == READY:
                self._news.is_ready()

    def _owed(self) -> tuple[str, str] | None:
        """State and description; None where nothing is owed."""
        if ready_is_known(self._means.files):
            return None
        wanted = self._saying.health
        if wanted is None and self._config.ready == "late":
            wanted = PROVISIONING
        if wanted is None:
            wanted = READY if self._told is None and self._means.owes_ready() else None
        return None if wanted is None else (wanted, "" if wanted == READY else self._saying.text)

    def _hand_on(self, now: float) -> None:
        """Send what the supervisor wants told by telemetry: it is little, and most have nothing to tell."""
        waits = self._left_to_hand or self._handed.is_new()
        if not self._config.telemetry or now < self._hand_at or not waits:
            return
        self._hand_at = now + HAND_AGAIN
        if self._telemetry is None and self._fabric is not None:
            self._telemetry = self._made(self._fabric)
        if self._telemetry is not None:
            self._left_to_hand = self._handed.send(self._telemetry) is not None

    def _made(self, fabric: Fabric) -> Telemetry:
        """What sends events, without any handler's."""
        from limpet.agent.parameters import machine_parameters  # noqa: PLC0415 - most have nothing to tell
        from limpet.agent.telemetry import Common, Telemetry  # noqa: PLC0415

        means = replace(self._means, http=self._hurry)
        facts, metadata = machine_parameters(means.guest), self._config.metadata_endpoint
        common = Common(fabric, self._board, means, facts=facts, metadata=metadata)
        return Telemetry(self._store(), fabric, means, common.parameters, spool=False)

    def _store(self) -> Store:
        means = self._means
        return Store(means.library, Layout(library=self._library, logs=self._config.log_dir), means.log)

    def _observe(self, now: float) -> None:
        if self._host_health is not None and now >= self._observe_at:
            self._observe_at = now + HEALTH_EVERY
            self._host_health.observe()
