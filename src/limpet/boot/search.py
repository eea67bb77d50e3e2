"""Looks for the platform by DHCP: asks for a lease on one NIC after the other, until one knows the platform.

Source: guest-setup.md §B.2, §B.3, §J.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.boot.connection import Connection, address_or_none
from limpet.guest import dhcp
from limpet.guest.interfaces import Nic, candidates
from limpet.guest.lease import LARGEST, SAVED_LEASE
from limpet.guest.network import plan_lease, plan_resolver, plan_saved_lease
from limpet.guest.offers import knows_platform, lease_of
from limpet.host import dhcp_client
from limpet.host.facts import interfaces, resolver
from limpet.host.facts.reading import bytes_of
from limpet.model.addresses import WIRE_SERVER
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.boot.connection import Network
    from limpet.guest.lease import AcquiredLease

_FIRST_WINDOW, _LONGEST_WINDOW = 0.25, 10.0
"""How long an attempt waits for an offer, seconds. The first is short: switches drop what comes just after a link went up. The
transaction stays the same, so that a slow server's offer is still known in the next attempt."""
_CARRIER_SECONDS, _CARRIER_PAUSE = 1.0, 0.05
_PAUSE_WITHOUT_NIC = 0.25
_NO_CARRIER = "the link has no carrier"
OTHER_NIC_SECONDS = 10.0
"""How long a lease that does not know the platform waits for another NIC's that does."""


def search(network: Network) -> Connection:
    """A way to the platform by a lease of our own. Raises: HostError, when there was none within the patience."""
    asked = _Search(network)
    lease, notes = asked.lease()
    return connection_of(network, lease, notes, asked.others())


def connection_of(
    network: Network,
    lease: AcquiredLease,
    notes: tuple[str, ...] = (),
    others: tuple[AcquiredLease, ...] = (),
) -> Connection:
    """What a lease makes of this machine, planned. others: of NICs that do not lead to the platform; they are only kept."""
    facts = interfaces.look(network.files)
    if network.endpoint is not None:
        endpoint, origin = network.endpoint, "configured"
    elif lease.wire_server is not None:
        endpoint, origin = str(lease.wire_server), f"DHCP on {lease.interface}"
    else:
        endpoint, origin = str(WIRE_SERVER), "the well-known address"
    saved = bytes_of(network.files, SAVED_LEASE, at_most=LARGEST)
    tasks = (
        plan_lease(lease, facts, address_or_none(endpoint)),
        plan_saved_lease(lease, saved, others),
        plan_resolver(lease, resolver.look(network.files)),
    )
    return Connection(
        endpoint=endpoint, origin=origin, interface=lease.interface, lease=lease, tasks=tasks, notes=notes
    )


Offer = tuple["AcquiredLease", tuple[str, ...]]


class _Search:
    """Rounds over the NICs until one has a lease that knows the platform, each round more patient than the last."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._raised: dict[str, None] = {}
        self._problems: dict[str, str] = {}
        self._others: dict[str, Offer] = {}
        self._transactions: dict[str, int] = {}
        self._chosen: str | None = None

    def lease(self) -> Offer:
        """Raises: HostError."""
        try:
            found = self._search()
            self._chosen = found[0].interface
            return found
        finally:
            for name in self._raised:  # what brought nothing is as it was
                if name != self._chosen:
                    self._set_up(name, False)

    def others(self) -> tuple[AcquiredLease, ...]:
        """What was given to other NICs than the chosen one."""
        return tuple(lease for name, (lease, _) in sorted(self._others.items()) if name != self._chosen)

    def _search(self) -> Offer:
        clock = self._network.clock
        begun = clock.monotonic()
        window, attempt, first_other = _FIRST_WINDOW, 0, None
        while True:
            round_begun = clock.monotonic()
            nics = candidates(interfaces.nics(self._network.files))
            for nic in nics:
                if nic.name in self._others:
                    continue
                found = self._asked(nic, window, attempt)
                if found is not None:
                    return found
                if nic.name in self._others and first_other is None:
                    first_other = clock.monotonic()
            now = clock.monotonic()
            if first_other is not None and now - first_other >= OTHER_NIC_SECONDS:
                return self._best_other()
            if now - begun >= self._network.patience:
                if self._others:
                    return self._best_other()
                raise HostError(self._summary(nics, now - begun))
            if not nics or all(
                nic.name in self._others or self._problems.get(nic.name) == _NO_CARRIER for nic in nics
            ):
                clock.sleep(_PAUSE_WITHOUT_NIC)
            else:
                self._network.log.warning("network.no_lease", attempt=attempt + 1, problems=self._said())
                # A server that says no at once, or a NIC that cannot be used, must not be asked without a pause.
                clock.sleep(max(0.0, round_begun + window - now))
                attempt, window = attempt + 1, min(2 * window, _LONGEST_WINDOW)

    def _asked(self, nic: Nic, window: float, attempt: int) -> Offer | None:
        """One attempt on one NIC: a lease that knows the platform. Another kind of lease is put aside."""
        network = self._network
        try:
            if not self._ready(nic):
                self._problems[nic.name] = _NO_CARRIER
                return None
            wire = network.links.open_wire(nic.name)
            try:
                session = dhcp_client.run(self._session(nic, window, attempt), wire, network.clock)
            finally:
                wire.close()
        except HostError as error:
            self._problems[nic.name] = str(error)
            network.clock.sleep(_PAUSE_WITHOUT_NIC)
            return None
        if session.answer is None:
            self._problems[nic.name] = "; ".join(session.reasons)
            return None
        lease, notes = lease_of(session.answer, session.offer, nic.name, network.clock.now())
        network.log.info(
            "network.lease", interface=nic.name, address=str(lease.address), server=str(lease.server)
        )
        if knows_platform(session.answer):
            return lease, notes
        self._others[nic.name] = lease, (*notes, f"the lease on {nic.name} does not know the platform")
        return None

    def _session(self, nic: Nic, window: float, attempt: int) -> dhcp.Session:
        chance = self._network.chance
        return dhcp.Session(
            mac=bytes.fromhex(nic.mac),
            transaction=self._transactions.setdefault(nic.mac, dhcp_client.transaction(chance)),
            host_name=self._network.host_name,
            broadcast=attempt > 0,
            seconds=window * (0.8 + 0.4 * chance.fraction()),
        )

    def _ready(self, nic: Nic) -> bool:
        """Whether packets can go out: the link is up and, as far as the kernel knows, connected."""
        if not nic.up:
            self._network.links.set_up(nic.name, True)
            self._raised[nic.name] = None
        carrier = nic.carrier if nic.up else None
        deadline = self._network.clock.monotonic() + _CARRIER_SECONDS
        while carrier is not True and self._network.clock.monotonic() < deadline:
            seen = interfaces.nic_of(self._network.files, nic.name)
            carrier = None if seen is None else seen.carrier
            if carrier is not True:
                self._network.clock.sleep(_CARRIER_PAUSE)
        return carrier is not False

    def _best_other(self) -> Offer:
        """Of leases that do not know the platform, one with a way out."""
        return max(
            self._others.values(),
            key=lambda offer: any(r.destination.prefixlen == 0 for r in offer[0].routes),
        )

    def _set_up(self, name: str, up: bool) -> None:
        try:
            self._network.links.set_up(name, up)
        except HostError as error:
            self._network.log.warning("network.link", problem=str(error))

    def _said(self) -> str:
        return "; ".join(f"{name}: {problem}" for name, problem in sorted(self._problems.items()))

    def _summary(self, nics: tuple[Nic, ...], seconds: float) -> str:
        if not nics and not self._problems:
            return f"the machine has no NIC to ask for an address on, {seconds:.0f} s after the start"
        return f"no DHCP lease within {seconds:.0f} s: {self._said()}"
