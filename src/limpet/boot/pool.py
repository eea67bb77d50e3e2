"""A VM that is pre-provisioned in a pool: it says so, waits without a deadline, and learns whose it is. Source: guest-setup.md §A.14.

What leads where is the table of limpet.guest.pool; here is what is done in each phase. Nothing of a user's is on the machine
yet, and nothing is polled before the NIC has left the pool: the kernel wakes this up.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from limpet.boot import sources
from limpet.boot.connecting import Connecting
from limpet.boot.media import eject
from limpet.boot.metadata import AGAIN, ask_metadata
from limpet.guest import pool
from limpet.guest.interfaces import candidates
from limpet.guest.marker import POOL_RECORD
from limpet.guest.pool import Event, Kind, Phase, Record, Watched
from limpet.guest.sources import doubts
from limpet.host.facts import interfaces
from limpet.host.facts.reading import bytes_of
from limpet.host.reported import boot_id
from limpet.model.errors import (
    FabricBusy,
    FabricError,
    FabricRefused,
    FabricUnreachable,
    HostError,
    MalformedDocument,
)
from limpet.wire.imdsprovisioning import reprovision_request

if TYPE_CHECKING:
    from limpet.boot.machine import Machine
    from limpet.boot.report import Reports
    from limpet.boot.sources import Source
    from limpet.config.settings import Config
    from limpet.host.ports import Http, LinkNews
    from limpet.model.network import LinkState
    from limpet.wire.http import Request, Response

ADVICE = "Redeploy the VM; what its owner asks for comes from the platform, by 169.254.169.254."
TELLING_PATIENCE = 1200.0
"""How long "Ready" is tried; after about so long the platform has given the VM up (§A.15)."""
LEASE_PATIENCE = 300.0
"""How long one search for a lease outside the pool lasts, seconds; then the next one begins."""
SILENCE = 60.0
"""After so many seconds without a document a VM that may have been heard has not been: moving one takes a few."""
REFUSED_PATIENCE = 120.0
SETTLING_PATIENCE = 60.0
"""How long metadata may lag behind the document, seconds."""
YEAR = 365 * 24 * 3600.0
_LONG = 3600.0
_ATTEMPT = 5.0
_PAUSE, _LONGEST_PAUSE, _FACTOR = 1.0, 10.0, 1.6
_NOT_YET = frozenset({404, 410})
_MOST_NEWS = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """source: what its owner asks for. connecting: the network that it is in now. notes: for people."""

    source: Source
    connecting: Connecting
    notes: tuple[str, ...]


def given(
    machine: Machine, config: Config, reports: Reports, vm_id: str, source: Source | None
) -> tuple[Given | None, tuple[str, ...]]:
    """Wait until this VM is somebody's. None for one that is in no pool; and what is odd, for people.

    source: what its media or metadata says; None where only an earlier start's record is known. Raises: FabricError, HostError.
    """
    record, note = pool.own_record(bytes_of(machine.files, POOL_RECORD, at_most=pool.LARGEST), vm_id)
    kind = None if record is None else record.kind
    odd = None
    if record is None and source is not None:
        kind, odd = pool.kind_of(source.wanted.environment.platform)
    notes = tuple(each for each in (note, odd) if each)
    if kind is None:
        return None, notes
    with closing(machine.links.changes()) as news:
        waiting = _Waiting(machine, config, reports, news, kind=kind, vm_id=vm_id, media=source)
        return waiting.until_given(record), notes


class _Afresh:
    """The Http port without kept connections: they would not survive the move to another network."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def exchange(self, request: Request) -> Response:
        """Send one request and give its answer. Raises: FabricUnreachable."""
        return self._http.exchange(replace(request, headers={**request.headers, "Connection": "close"}))


class _Waiting:
    """One start of a VM in its pool. network: None while there is none, or none that can be relied on."""

    def __init__(
        self,
        machine: Machine,
        config: Config,
        reports: Reports,
        news: LinkNews,
        *,
        kind: Kind,
        vm_id: str,
        media: Source | None,
    ) -> None:
        self._machine = replace(machine, http=_Afresh(machine.http))
        self._config = config
        self._reports = reports
        self._news = news
        self._kind = kind
        self._vm_id = vm_id
        self._media = media
        self._states: dict[int, LinkState] = {}
        self._network: Connecting | None = None
        self._left: Connecting | None = None
        self._watched = Watched(index=0)
        self._body = b""
        self._pause = _PAUSE
        self._refused_since: float | None = None
        self._silent_since: float | None = None
        self._told_problem = ""

    def until_given(self, record: Record | None) -> Given:
        """Go from phase to phase until it is somebody's. Raises: FabricError, HostError."""
        clock, log = self._machine.clock, self._machine.log
        begun = clock.monotonic()
        does = {
            Phase.TELLING: self._tell,
            Phase.REPEATING: self._repeat,
            Phase.LEAVING: self._leave,
            Phase.ASKING: self._ask,
            Phase.DOUBTING: self._doubt,
            Phase.ENDING: self._end,
        }
        phase = pool.first_phase(record)
        log.info("pool.phase", kind=self._kind.value, phase=phase.value)
        while phase is not Phase.GIVEN:
            event = does[phase]()
            after = phase if event is None else pool.next_phase(self._kind, phase, event)
            if after is not phase:
                log.info("pool.phase", kind=self._kind.value, phase=after.value)
            phase = after
        source, doubts = self._understood()
        assert self._network is not None  # noqa: S101 - the document came over it
        waited = f"it waited {clock.monotonic() - begun:.0f} s in a pool ({self._kind.value})"
        return Given(source=source, connecting=self._network, notes=(waited, *doubts))

    def _tell(self) -> Event | None:
        """Say that this VM may be given away. Raises: HostError, when there is no network within the patience."""
        if not self._connected:
            self._connect(self._config.dhcp_patience)
        if self._connected:
            return self._told()
        problem = None if self._left is None else self._left.problem
        if problem is not None:
            raise HostError(problem)
        return None

    def _repeat(self) -> Event | None:
        """Say it in a later start, however long the network takes."""
        event = self._reach()
        return event if event is not None or not self._connected else self._told()

    def _told(self) -> Event | None:
        """Say Ready until the fabric accepts it or the NIC is moved. Raises: FabricError, HostError."""
        machine = self._machine
        if self._media is not None and self._media.media is not None:
            eject(sources.drive(machine, self._config), self._media.media)
        self._note(told=False)
        deadline = machine.clock.monotonic() + TELLING_PATIENCE
        while True:
            try:
                self._reports.pooled(self._kind.value, patience=_ATTEMPT)
            except (FabricUnreachable, FabricBusy, MalformedDocument):
                event = self._hear_all()
                if event is not None:
                    return event
                if machine.clock.monotonic() > deadline:
                    raise
            else:
                self._note(told=True)
                return Event.TOLD

    def _leave(self) -> Event | None:
        """Wait for the NIC to lose the pool's network."""
        return self._hear(_LONG)

    def _ask(self) -> Event | None:
        """Ask for the document once, where there is a network; wait a little where there is none."""
        event = self._reach()
        if event is not None or not self._connected:
            return event
        document = self._asked()
        if document is None:
            return self._hear(self._pause)
        self._body = document
        return Event.DOCUMENT

    def _doubt(self) -> Event | None:
        """Ask as long as it takes to be sure that nobody was given this VM."""
        event = self._ask()
        now = self._machine.clock.monotonic()
        if event is None and self._silent_since is not None and now - self._silent_since >= SILENCE:
            self._silent_since = None
            return Event.SILENCE
        return event

    def _end(self) -> Event | None:
        """Wait for the platform to shut this VM down. Raises: HostError."""
        clock = self._machine.clock
        deadline = clock.monotonic() + YEAR
        while clock.monotonic() < deadline:
            self._news.next(_LONG)
        raise HostError("error waiting for host shutdown: there was none for a year")

    def _note(self, *, told: bool) -> None:
        """Keep for the next start what was said; a disk that is to be copied keeps nothing. Raises: HostError."""
        if self._kind is Kind.OS_DISK:
            return
        files = self._machine.files
        record = Record(kind=self._kind, vm_id=self._vm_id, boot=boot_id(files) or "unknown", told=told)
        task = pool.plan_record(bytes_of(files, POOL_RECORD, at_most=pool.LARGEST), record)
        for outcome in self._machine.interpreter.apply([task]):
            if outcome.failed:
                raise HostError(outcome.describe())

    def _asked(self) -> bytes | None:
        """The document; None while there is none. Raises: FabricRefused, when it is refused for long."""
        machine = self._machine
        now = machine.clock.monotonic()
        try:
            response = machine.http.exchange(reprovision_request(machine.chance.guid()))
        except FabricUnreachable as error:
            self._again(f"connection error querying IMDS: {error}")
            self._lose()
            return None
        if response.status == 200:
            return response.body
        if response.status in _NOT_YET:
            self._pause, self._refused_since = _PAUSE, None
            self._silent_since = now if self._silent_since is None else self._silent_since
            return None
        problem = f"http error {response.status} querying IMDS"
        if response.status in AGAIN:
            self._refused_since = None
        elif self._refused_since is None:
            self._refused_since = now
        elif now - self._refused_since > REFUSED_PATIENCE:
            raise FabricRefused(problem, status=response.status)
        self._again(problem)
        return None

    def _again(self, problem: str) -> None:
        """Wait longer than before, and say why once."""
        self._pause = min(self._pause * _FACTOR, _LONGEST_PAUSE)
        if problem != self._told_problem:
            self._told_problem = problem
            self._machine.log.warning("pool.again", problem=problem)

    def _reach(self) -> Event | None:
        """Have a network, or wait for what may bring one: news of a NIC. Gives what was heard meanwhile."""
        if self._connected:
            return None
        if not self._states:
            self._hear_all()
        if not pool.may_lead(self._states.values(), interfaces.nics(self._machine.files)):
            return self._hear(_LONG)
        event = self._connect(LEASE_PATIENCE)
        if event is None and not self._connected:
            self._again((self._left.problem if self._left is not None else None) or "the NIC was moved again")
            return self._hear(self._pause)
        return event

    def _connect(self, patience: float) -> Event | None:
        """Leave the network of before and ask for a lease, with no host name: it is not known yet. Gives what was heard."""
        machine = self._machine
        self._leave_network()
        made = Connecting(machine, self._config, self._reports)
        made.connect(None, patience=patience, lasting=False)
        self._network, self._left = None, made
        event = self._hear_all()
        if made.connection is None:
            return event
        interface = made.connection.interface
        seen = next((each for each in self._states.values() if each.name == interface), None)
        if seen is not None and seen.up and not seen.connected:
            return event
        self._watched = Watched(
            index=None if seen is None else seen.index, changes=None if seen is None else seen.changes
        )
        self._network, self._left = made, None
        machine.log.info("pool.network", interface=interface, endpoint=made.connection.endpoint)
        return event

    @property
    def _connected(self) -> bool:
        return self._network is not None

    def _leave_network(self) -> None:
        """Take what a network of before has left off its NIC."""
        way = None if self._left is None else self._left.connection
        if way is None:
            return
        facts = interfaces.look(self._machine.files)
        task = pool.plan_leaving(way.interface, facts, None if way.lease is None else way.lease.address)
        for outcome in self._machine.interpreter.apply([task]):
            if outcome.failed:
                self._machine.log.warning("pool.network_left", problem=outcome.describe())
        self._left = None

    def _lose(self) -> None:
        """The network cannot be relied on any more."""
        if self._network is not None:
            self._network, self._left, self._silent_since = None, self._network, None

    def _hear_all(self) -> Event | None:
        """Take in all the news that is there. Gives what it comes to: that the NIC is gone outweighs that it was lost."""
        events = set()
        for _ in range(_MOST_NEWS):
            state = self._news.next(0.0)
            if state is None:
                break
            events.add(self._heard(state))
        return next((each for each in (Event.GONE, Event.LOST) if each in events), None)

    def _hear(self, timeout: float) -> Event | None:
        """Wait for news. Gives what it means, None for nothing, or nothing of importance."""
        state = self._news.next(timeout)
        return None if state is None else self._heard(state)

    def _heard(self, state: LinkState) -> Event | None:
        if state.present:
            self._states[state.index] = state
        else:
            self._states.pop(state.index, None)
        event, self._watched = self._watched.seen(state)
        if event is None or (self._network is None and event is Event.LOST):
            return None
        self._machine.log.info("pool.moved", interface=state.name, how=event.value)
        self._lose()
        self._pause = _PAUSE
        return event

    def _understood(self) -> tuple[Source, tuple[str, ...]]:
        """The document, and whether metadata agrees that this VM is in no pool any more. Raises: FabricError."""
        machine = self._machine
        source = sources.from_pool(self._body, self._vm_id)
        deadline = machine.clock.monotonic() + SETTLING_PATIENCE
        while True:
            try:
                found = ask_metadata(
                    machine.http, machine.clock, machine.chance, machine.log, patience=_LONGEST_PAUSE
                )
            except FabricError as error:  # the document says all that is needed
                return source, (f"instance metadata was not asked: {error}",)
            if found.pps_type is None:
                macs = [nic.mac for nic in candidates(interfaces.nics(machine.files))]
                return source, doubts(source.wanted.environment, found, macs)
            if machine.clock.monotonic() > deadline:
                raise MalformedDocument(
                    "instance metadata",
                    "invalid IMDS metadata for key=extended.compute.ppsType: "
                    f"it is still {found.pps_type}, but the VM was given to somebody",
                )
            machine.clock.sleep(_PAUSE)
