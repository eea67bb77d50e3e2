"""The network that a vendor's programs are examined in: two NICs, a platform beyond the primary one, a neighbour beyond the other.

The platform answers only who comes with the primary NIC's address, or from the neighbour: so it is noticed when NAT takes
another address, and when the neighbour gets through to what is for the guest alone.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from limpet.appliance.networkos.iproute import batch, inside
from limpet.guest.lease import AcquiredLease
from limpet.guest.namespaces import HOST
from limpet.guest.site import Nic, Site
from limpet.guest.steps import Run
from limpet.model.addresses import PLATFORM, WIRE_SERVER
from limpet.model.network import Route

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from limpet.guest.steps import Step

FABRIC, NEIGHBOUR = "exam-fabric", "exam-neighbour"
PRIMARY = Nic(name="eth0", mac="00:0d:3a:00:00:10", primary=True)
SECOND = Nic(name="eth1", mac="00:0d:3a:00:00:11")


def _lease(nic: Nic, network: str, *far: str) -> AcquiredLease:
    """The fourth address of a network, with a gateway at its first."""
    here = IPv4Network(network)
    routes = [Route(destination=IPv4Network(each), gateway=here[1]) for each in far]
    return AcquiredLease(
        interface=nic.name,
        mac=nic.mac,
        address=here[4],
        prefix=here.prefixlen,
        routes=tuple(routes),
        dns=(WIRE_SERVER,),
        wire_server=WIRE_SERVER,
        server=WIRE_SERVER,
        obtained=0.0,
    )


LEASES = {
    PRIMARY.mac: _lease(PRIMARY, "10.99.0.0/24", "0.0.0.0/0", *(f"{each}/32" for each in PLATFORM)),
    SECOND.mac: _lease(SECOND, "10.98.0.0/24", "0.0.0.0/0", f"{WIRE_SERVER}/32"),
}


def site(folder: Path) -> Site:
    """The appliance that is examined."""
    return Site(nics=(SECOND, PRIMARY), leases=LEASES, host_name="examined", programs=folder)


def laid() -> Iterator[Step]:
    """Lay the cables, in network namespaces that are empty."""
    primary, second = LEASES[PRIMARY.mac], LEASES[SECOND.mac]
    yield from batch(HOST, ["link set dev lo up"])
    for namespace, nic, lease in ((FABRIC, PRIMARY, primary), (NEIGHBOUR, SECOND, second)):
        gateway = IPv4Network(f"{lease.address}/{lease.prefix}", strict=False)[1]
        yield Run(("ip", "netns", "add", namespace))
        yield from batch(
            HOST,
            [
                f"link add name {nic.name} address {nic.mac} type veth peer name port netns {namespace}",
                f"link set dev {nic.name} up",
                f"address add {lease.address}/{lease.prefix} dev {nic.name}",
            ],
        )
        yield from batch(
            namespace,
            ["link set dev lo up", "link set dev port up", f"address add {gateway}/{lease.prefix} dev port"],
        )
    yield from batch(FABRIC, [f"address add {each}/32 dev lo" for each in PLATFORM])
    neighbours = IPv4Network(f"{second.address}/{second.prefix}", strict=False)
    yield from batch(FABRIC, [f"route add {neighbours} via {primary.address}"])
    yield from batch(NEIGHBOUR, [f"route add default via {second.address}"])
    platform = ", ".join(map(str, PLATFORM))
    script = (
        "table ip exam {\n chain input {\n  type filter hook input priority 0;\n"
        f"  ip daddr {{ {platform} }} ip saddr != {{ {primary.address}, {neighbours} }} drop\n }}\n}}\n"
    )
    yield inside(FABRIC, ("nft", "-f", "-"), stdin=script.encode())


def probing(verb: str) -> Iterator[Step]:
    """Let the neighbour be where the platform's health probes come from; ``delete`` ends that."""
    yield from batch(NEIGHBOUR, [f"address {verb} {WIRE_SERVER}/32 dev lo"])
