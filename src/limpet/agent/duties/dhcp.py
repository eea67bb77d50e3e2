"""The DHCP client was restarted, or routes are missing. Source: guest-setup.md §B.5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.agent.duties.result import Result, applied, ipv4
from limpet.guest.lease import LARGEST, SAVED_LEASE, parse_lease
from limpet.guest.route_repair import RepairFacts, plan_repair
from limpet.host.facts import dhcp_clients, interfaces
from limpet.host.facts.reading import bytes_of
from limpet.model.errors import MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.agent.duties.result import Hands
    from limpet.guest.lease import AcquiredLease
    from limpet.host.ports import Files


def do(wish: Mapping[str, Any], memory: Mapping[str, Any], hands: Hands) -> Result:
    """Find the clients, and add routes again that they lost."""
    files, now = hands.interpreter.files, hands.interpreter.clock.now()
    network, lease = interfaces.look(files), saved_lease(files)
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


def saved_lease(files: Files) -> AcquiredLease | None:
    """The boot stage's lease; None where there is none that can be read."""
    content = bytes_of(files, SAVED_LEASE, at_most=LARGEST)
    try:
        return None if content is None else parse_lease(content)
    except MalformedDocument:
        return None
