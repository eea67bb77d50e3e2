"""Routes that a restarted DHCP client lost. wanted: endpoint; before: the clients that ran earlier, left out for the first look.

The lease is the one in the machine's files, the clients are its processes.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from limpet.guest.route_repair import RepairFacts, plan_repair
from limpet.host.facts import dhcp_clients, interfaces, leases

if TYPE_CHECKING:
    from limpet.guest.steps import Task
    from limpet.host.fake import FakeMachine

AREAS = ("network",)


def plan(machine: FakeMachine, wanted: dict[str, Any]) -> list[Task]:
    network, lease = interfaces.look(machine.files), leases.saved_lease(machine.files)
    before = wanted.get("before")
    facts = RepairFacts(
        routes=network.routes,
        addresses=network.addresses,
        clients=frozenset(dhcp_clients.processes(machine.files)),
        before=None if before is None else frozenset(before),
        lease=lease,
        routers=()
        if lease is None
        else dhcp_clients.routers(machine.files, lease.interface, machine.clock.now()),
    )
    return [plan_repair(facts, IPv4Address(wanted["endpoint"]))[0]]
