"""Drives DHCP sessions over a NIC's Ethernet. Nothing is changed on this machine, and nothing is left running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest import dhcp
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from limpet.guest.dhcp import Session
    from limpet.host.ports import Clock, Links, Random, Wire

_MOST_PACKETS = 512
"""Looked at in one session: a storm cannot hold us for ever."""
_SHORTEST_WAIT = 0.001


def run(session: Session, wire: Wire, clock: Clock) -> Session:
    """Take a session to its end. Raises: HostError, when the NIC cannot be used."""
    packets = 0
    while not session.over:
        deadline = clock.monotonic() + session.patience
        stage = _stage(session)
        while _stage(session) == stage:
            left = deadline - clock.monotonic()
            packet = wire.receive(left) if left > _SHORTEST_WAIT and packets < _MOST_PACKETS else None
            packets += packet is not None
            session, reply = dhcp.timed_out(session) if packet is None else dhcp.received(session, packet)
            if reply is not None:
                wire.send(reply, source=session.address)
    return session


def _stage(session: Session) -> tuple[dhcp.State, int]:
    """What a new wait begins with: every change of state, and every request sent again."""
    return session.state, session.requests


def transaction(chance: Random) -> int:
    """A number by which answers are known."""
    return int(chance.fraction() * 0x1_0000_0000)


def publish_host_name(
    links: Links,
    clock: Clock,
    chance: Random,
    *,
    interface: str,
    mac: bytes,
    address: IPv4Address,
    host_name: str,
    seconds: float = 3.0,
) -> None:
    """Tell the platform's DHCP, and by it its DNS, the host name of a machine that has its address already.

    The address is asked for again, with the name; nothing changes on this machine, whatever the answer. seconds: for each of
    three tries. Raises: HostError, with the reason. Source: guest-setup.md §A.6.
    """
    wire = links.open_wire(interface)
    try:
        session = run(
            dhcp.renewal(
                mac=mac,
                transaction=transaction(chance),
                address=address,
                host_name=host_name,
                seconds=seconds,
            ),
            wire,
            clock,
        )
    finally:
        wire.close()
    if session.answer is None:
        raise HostError(
            f"the host name {host_name} could not be published by DHCP on {interface}: {'; '.join(session.reasons)}"
        )
