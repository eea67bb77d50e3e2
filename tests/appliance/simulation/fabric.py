"""The platform in memory: who talks to it, by which way, and what it takes. Each request is in the ledger with its party."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING

from limpet.guest.fabric_lease import EXCHANGE, GRANT, Holder, parse_grant
from limpet.host.reported import boot_id
from limpet.model.errors import FabricUnreachable, MalformedDocument
from limpet.wire.http import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.appliance.simulation.kernel_networks import KernelNetworks
    from tests.appliance.simulation.networks import Networks
    from tests.appliance.simulation.processes import Process

    from limpet.host.fake import FakeMachine
    from limpet.wire.http import Request

GATEWAY = IPv4Address("10.0.0.1")
LATENCY = 0.004
_GRANT = EXCHANGE / GRANT
_parsed = lru_cache(64)(parse_grant)


@dataclass(eq=False)
class Party:
    """Somebody who talks. space: the namespace it is in. epoch: of the grant that it found; None for one that cannot know.

    holder: None for somebody whom nobody has granted anything.
    """

    name: str
    holder: Holder | None
    space: str
    process: Process | None = None
    epoch: int | None = None
    begun: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A report that the platform has taken."""

    at: float
    party: str
    holder: Holder | None
    state: str
    text: str


@dataclass
class Fabric:
    """leases: what DHCP gives each NIC, by MAC; primary: whose address counts. silent, refusing: until when (monotonic), and
    with which status. dropped: namespaces whose packets are dropped without a word; limit: how long an agent waits in
    vain, seconds. mute: those where the metadata service alone does not answer. shut: the namespace whose packets are dropped for
    ever. broken: what the invariants have found.
    """

    machine: FakeMachine
    networks: Networks | KernelNetworks
    primary: str
    leases: dict[str, IPv4Interface]
    dhcp_silent: float = 0.0
    silent: float = 0.0
    refusing: tuple[float, int] = (0.0, 503)
    dropped: set[str] = field(default_factory=set)
    mute: set[str] = field(default_factory=set)
    shut: str | None = None
    limit: float = 3.0
    talking: list[Party] = field(default_factory=list)
    ledger: list[tuple[float, str, int | None]] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    provisioned: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    epochs: dict[tuple[str, int], Holder] = field(default_factory=dict)
    core: Callable[[Request], Response] | None = None

    # --- the way

    def way(self, space: str) -> str | None:
        """Why nothing from a namespace reaches the platform; None when it does."""
        if space in self.dropped or space == self.shut:
            return "no connection was made"
        return self.networks.way(space, self.primary, self.leases[self.primary])

    def answers(self, space: str) -> str | None:
        """Why the platform does not answer a namespace now; None when it does."""
        now = self.machine.clock.monotonic()
        if now < self.silent:
            return "timed out"
        if now < self.refusing[0]:
            return f"it answers with {self.refusing[1]}"
        return self.way(space)

    # --- requests

    def exchange(self, party: Party, request: Request) -> Response:
        """A whole request of the real agent or the real boot stage. Raises: FabricUnreachable."""
        with _Turn(self, party):
            self._arrives(party, request.timeout)
            if self.core is None:
                return Response(status=200, headers={}, body=b"")
            return self.core(request)

    def poll(self, party: Party) -> None:
        """Ask for the goal state. Raises: FabricUnreachable."""
        with _Turn(self, party):
            self._arrives(party, 5.0)

    def report(self, party: Party, state: str, text: str) -> int:
        """Give a status report; gives the answer's code. Raises: FabricUnreachable."""
        with _Turn(self, party):
            code = self._arrives(party, 5.0)
            if code == 200:
                self.takes(party, state, text)
            return code

    def takes(self, party: Party, state: str, text: str) -> None:
        """A report has arrived."""
        now = self.machine.clock.monotonic()
        self.taken.append(Taken(at=now, party=party.name, holder=party.holder, state=state, text=text))

    def _arrives(self, party: Party, timeout: float) -> int:
        clock = self.machine.clock
        self._judge(party)
        clock.sleep(LATENCY)
        drops = party.space in self.dropped
        if drops:  # it is sent again and again
            clock.wait(self.limit, lambda: party.space not in self.dropped)
        problem = self.way(party.space)
        if clock.monotonic() < self.silent or problem is not None:
            clock.sleep(0.0 if drops else min(timeout, 3.0))
            raise FabricUnreachable(problem or "timed out")
        self.ledger.append((clock.monotonic(), party.name, party.epoch))
        self._alone(party)
        if clock.monotonic() < self.refusing[0]:
            if party.holder is Holder.BOOT:
                raise FabricUnreachable(f"it answers with {self.refusing[1]}")
            return self.refusing[1]
        return 200

    def _judge(self, party: Party) -> None:
        """Whether it may talk, at the moment when it begins: what is on its way then may arrive while the grant is taken back."""
        self._alone(party)
        try:
            grant = _parsed(self.machine.files.read(_GRANT, at_most=65536))
        except (FileNotFoundError, MalformedDocument):
            return  # somebody has swept it away, or damaged it; who talked under it is still the only one
        if party.holder is None:
            if grant.boot == boot_id(self.machine.files) and not party.begun:
                self.fault(
                    f"{party.name} begins to talk to the fabric, which is {grant.holder.value}'s to talk to"
                )
            party.begun = True
            return
        if grant.holder is not party.holder or party.epoch not in {None, grant.epoch}:
            self.fault(
                f"{party.name} talks to the fabric under epoch {party.epoch}; {grant.holder.value} has it by {grant.epoch}"
            )
        known = self.epochs.setdefault((grant.boot, grant.epoch), party.holder)
        if known is not party.holder:
            self.fault(f"epoch {grant.epoch} was {known.value}'s, and is {party.holder.value}'s")

    def _alone(self, party: Party) -> None:
        others = [each.name for each in self.talking if each is not party and _lives(each)]
        if others:
            self.fault(f"{party.name} talks to the fabric while {others[0]} does")

    def fault(self, what: str) -> None:
        """Note that an invariant does not hold."""
        self.broken.append(what)


class _Turn:
    """One exchange, from its first byte to its last."""

    def __init__(self, fabric: Fabric, party: Party) -> None:
        self._fabric, self._party = fabric, party

    def __enter__(self) -> None:
        self._fabric.talking.append(self._party)

    def __exit__(self, *_: object) -> None:
        self._fabric.talking.remove(self._party)


def _lives(party: Party) -> bool:
    return party.process is None or party.process.alive
