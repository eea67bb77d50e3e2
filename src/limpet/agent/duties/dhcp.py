"""The DHCP client was restarted, or routes are missing. Source: guest-setup.md §B.5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.agent.duties.result import Result, applied, ipv4
from limpet.guest.route_repair import RepairFacts, plan_repair
from limpet.host.facts import dhcp_clients, interfaces, leases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.agent.duties.result import Hands


def do(wish: Mapping[str, Any], memory: Mapping[str, Any], hands: Hands) -> Result:
    """Find the clients, and add routes again that they lost."""
    files, now = hands.interpreter.files, hands.interpreter.clock.now()
    network, lease = interfaces.look(files), leases.saved_lease(files)
    clients = dhcp_clients.processes(files)
    before = memory.get("clients")
    facts = RepairFacts(
        routes=network.routes,
        addresses=network.addresses,
        clients=frozenset(clients),
        before=None if before is None else frozenset(before),
        lease=lease,
        routers=() if lease is None else dhcp_clients.routers(files, lease.interface, now),
    )
    task, reason = plan_repair(facts, ipv4(wish["endpoint"]))
    result = applied([task], hands, {"clients": clients})
    if reason is None:
        return result
    return Result(did=(f"nothing about missing routes: {reason}",), memory=result.memory)
