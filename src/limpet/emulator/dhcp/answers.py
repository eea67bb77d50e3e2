"""The platform's DHCP: what it answers to which message. Pure. Source: wire-protocol.md §1.4, guest-setup.md §B.2."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from limpet.emulator.dhcp.kinds import Kind
from limpet.emulator.world.vm import Received
from limpet.model.network import DhcpMessage, Route

if TYPE_CHECKING:
    from limpet.emulator.world.state import World
    from limpet.emulator.world.vm import Nic, VirtualMachine

SERVER = IPv4Address("168.63.129.16")
"""The platform's own address: DHCP, DNS and the wire server are one."""
METADATA = IPv4Address("169.254.169.254")
ENDLESS = 0xFFFFFFFF
DOMAIN = "internal.cloudapp.net"
LONGEST_HOST_NAME = 255


ENDPOINTS = ("dhcp-discover", "dhcp-request", "dhcp-renew", "dhcp-inform", "dhcp-decline", "dhcp-release")
"""By these names fault rules and the ledger know what came."""
_ANSWERED = {Kind.DISCOVER, Kind.REQUEST, Kind.INFORM}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What to send. message: None for nothing. remarks: why not, or what is odd about the request."""

    message: DhcpMessage | None = None
    remarks: tuple[str, ...] = ()


def kind_of(message: DhcpMessage) -> Kind | None:
    """What a client's message is; None when it is not a client's."""
    if message.reply or message.kind is None:
        return None
    try:
        return Kind(message.kind)
    except ValueError:
        return None


def endpoint_of(message: DhcpMessage) -> str | None:
    """The name by which rules and the ledger know a message; a request of a client with an address is a renewal."""
    kind = kind_of(message)
    if kind is Kind.REQUEST:
        return "dhcp-renew" if message.client_address is not None else "dhcp-request"
    name = f"dhcp-{kind.name.lower()}" if kind else None
    return name if name in ENDPOINTS else None


def mac_of(message: DhcpMessage) -> str:
    """The sender's MAC as 12 upper-case hex digits."""
    return message.hardware_address.hex().upper()


def answer(world: World, message: DhcpMessage, now: float) -> tuple[World, Answer]:
    """What the platform answers, and the world after it.

    An unknown MAC gets no answer; nor does a request that chose another server, or a release.
    """
    found = world.with_mac(mac_of(message))
    kind = kind_of(message)
    if found is None or found[1].network.version != 4:
        return world, Answer(remarks=("no VM has a NIC with this MAC and an IPv4 address",))
    if kind not in _ANSWERED:
        return world, Answer()
    vm, nic = found
    if kind is Kind.DISCOVER:
        return world, Answer(message=_granted(vm, nic, message, Kind.OFFER))
    if kind is Kind.INFORM:
        return _named(world, vm, message, now), Answer(message=_informed(vm, nic, message))
    if message.server not in {None, SERVER}:
        return world, Answer(remarks=(f"the client chose the server {message.server}",))
    asked = message.requested_address or message.client_address
    if asked != IPv4Address(nic.address):
        return world, Answer(message=_refused(message), remarks=(f"{asked} is not the address of this NIC",))
    world = _named(world, vm, message, now)
    vm = world.vm(vm.name)
    world = world.with_vm(replace(vm, leases={**vm.leases, nic.mac: now}))
    return world, Answer(message=_granted(vm, nic, message, Kind.ACK))


def _granted(vm: VirtualMachine, nic: Nic, request: DhcpMessage, kind: Kind) -> DhcpMessage:
    """An offer or acknowledgement: only the primary NIC has a way to the platform."""
    router = IPv4Address(int(nic.network.network_address) + 1)
    primary = nic == vm.nics[0]
    everywhere = (IPv4Network("0.0.0.0/0"), IPv4Network(f"{SERVER}/32"), IPv4Network(f"{METADATA}/32"))
    return DhcpMessage(
        reply=True,
        transaction=request.transaction,
        hardware_address=request.hardware_address,
        kind=kind.value,
        broadcast=request.broadcast,
        address=IPv4Address(nic.address),
        client_address=request.client_address,
        subnet_mask=IPv4Address(int(nic.network.netmask)),
        routers=(router,) if primary else (),
        dns_servers=(SERVER,),
        domain_name=DOMAIN,
        lease_seconds=ENDLESS,
        server=SERVER,
        routes=tuple(Route(destination=each, gateway=router) for each in everywhere) if primary else (),
        wire_server=SERVER if primary else None,
    )


def _informed(vm: VirtualMachine, nic: Nic, request: DhcpMessage) -> DhcpMessage:
    """An acknowledgement without an address and a lease. Source: RFC 2131 §4.3.5."""
    return replace(_granted(vm, nic, request, Kind.ACK), address=None, lease_seconds=None)


def _refused(request: DhcpMessage) -> DhcpMessage:
    return DhcpMessage(
        reply=True,
        transaction=request.transaction,
        hardware_address=request.hardware_address,
        kind=Kind.NAK.value,
        broadcast=True,
        server=SERVER,
    )


def _named(world: World, vm: VirtualMachine, message: DhcpMessage, now: float) -> World:
    """The platform's DNS takes the host name of a request. Source: guest-setup.md §A.6."""
    name = (message.host_name or "")[:LONGEST_HOST_NAME]
    if not name:
        return world
    known = vm.registered_name
    world = world.with_vm(replace(vm, registered_name=Received(at=now, value=name)))
    if known is None or known.value != name:
        world = world.tell(now, "host-name", vm.name, hostName=name)
    return world


def destination(request: DhcpMessage, reply: DhcpMessage) -> IPv4Address | None:
    """Where a reply goes; None: to everybody. A client without an address cannot be asked for its MAC by ARP."""
    if reply.kind == Kind.NAK.value or request.broadcast:
        return None
    return request.client_address
