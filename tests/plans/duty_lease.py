"""A lease becomes this machine's. wanted: members of the lease that differ from the usual one; endpoint."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from limpet.guest.lease import SAVED_LEASE, AcquiredLease
from limpet.guest.network import plan_lease, plan_resolver, plan_saved_lease
from limpet.host.facts import interfaces, resolver
from limpet.host.facts.reading import bytes_of
from limpet.model.network import Route

if TYPE_CHECKING:
    from limpet.guest.steps import Task
    from limpet.host.fake import FakeMachine

AREAS = ("network",)


def plan(machine: FakeMachine, wanted: dict[str, Any]) -> list[Task]:
    lease = AcquiredLease(
        interface="eth0",
        mac="00155d010203",
        address=IPv4Address(wanted.get("address", "10.0.0.4")),
        prefix=wanted.get("prefix", 24),
        routes=tuple(
            Route(destination=IPv4Network(destination), gateway=IPv4Address(gateway))
            for destination, gateway in wanted.get("routes", {"0.0.0.0/0": "10.0.0.1"}).items()
        ),
        dns=tuple(map(IPv4Address, wanted.get("dns", ["168.63.129.16"]))),
        domain=wanted.get("domain"),
        wire_server=IPv4Address("168.63.129.16"),
        server=IPv4Address("168.63.129.16"),
        obtained=1767225600.0,
    )
    endpoint = wanted.get("endpoint")
    return [
        plan_lease(
            lease, interfaces.look(machine.files), None if endpoint is None else IPv4Address(endpoint)
        ),
        plan_saved_lease(lease, bytes_of(machine.files, SAVED_LEASE, at_most=1 << 16)),
        plan_resolver(lease, resolver.look(machine.files)),
    ]
