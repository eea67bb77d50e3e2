"""The way to the platform as a value: the wire server's address, the NIC, and the tasks that would make the network so."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limpet.boot.machine import Machine
    from limpet.config.settings import Config
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.steps import Task
    from limpet.host.ports import Clock, Files, Links, Log, Random


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """The way to the platform. endpoint: the wire server; origin: how it is known, for people.

    lease: ours, None where the network was there before. tasks: what makes it this machine's, none where there is nothing to
    do. notes: what is odd about the lease, for people.
    """

    endpoint: str
    origin: str
    interface: str | None = None
    lease: AcquiredLease | None = None
    tasks: tuple[Task, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """The ports that it needs, and its policy.

    endpoint: the wire server as configured, None where it is not. use_leases: whether lease files of others are believed.
    patience: how long to go on asking for a lease, seconds. host_name: told with the request, so that the platform's DNS
    has it from the first moment.
    """

    files: Files
    links: Links
    clock: Clock
    chance: Random
    log: Log
    endpoint: str | None = None
    use_leases: bool = True
    patience: float = 1200.0
    host_name: str | None = None

    @classmethod
    def of(
        cls, machine: Machine, config: Config, *, patience: float | None = None, host_name: str | None = None
    ) -> Network:
        """As configured. patience: instead of the configured one."""
        return cls(
            files=machine.files,
            links=machine.links,
            clock=machine.clock,
            chance=machine.chance,
            log=machine.log,
            endpoint=config.fabric_endpoint,
            use_leases=config.fabric_use_leases,
            patience=config.dhcp_patience if patience is None else patience,
            host_name=host_name,
        )


def address_or_none(text: str | None) -> IPv4Address | None:
    """An address; None for what is none, such as a name."""
    try:
        return None if text is None else IPv4Address(text)
    except AddressValueError:
        return None
