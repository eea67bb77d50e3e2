"""Network namespaces and what connects them: bridges and cables (veth pairs)."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.lab.commands import LabError, Result, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BRIDGE = "br0"
ROUTER_MAC = "12:34:56:78:9a:bc"
"""Of the bridge, as the platform's routers have it: a bridge without one of its own takes another port's when that one goes."""


DEFAULTS = {"ip_forward": 0, "conf/all/rp_filter": 0, "conf/default/rp_filter": 0}
"""Of a machine with containers, for one, these are others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A named network namespace."""

    name: str

    @property
    def path(self) -> Path:
        """The file that stands for it."""
        return Path("/run/netns", self.name)

    def inside(self, argv: Sequence[str]) -> list[str]:
        """`argv`, to be run in this network and in nothing else: `ip netns exec` would hide the cgroups."""
        return ["nsenter", f"--net={self.path}", "--", *argv]

    def run(self, argv: Sequence[str], *, timeout: float = 120) -> Result:
        """Run a command of this machine in the network."""
        return run(self.inside(argv), timeout=timeout)

    def ip(self, *commands: str) -> None:
        """Apply commands of `ip`, such as ``link set lo up``, in order. Raises: LabError, at the first that fails."""
        run(["ip", "-n", self.name, "-batch", "-"], stdin="\n".join(commands) + "\n").checked()

    def default_routes(self) -> list[str]:
        """Gateways or devices of the routes that lead out, IPv4 and IPv6."""
        found = []
        for family in ("-4", "-6"):
            answer = run(["ip", "-n", self.name, "-json", family, "route", "show", "default"]).checked()
            found += [route.get("gateway") or route.get("dev", "?") for route in json.loads(answer or "[]")]
        return found


@contextmanager
def network(name: str) -> Iterator[Network]:
    """Make a network namespace with its loopback up, and delete it at the end. Raises: LabError."""
    made = Network(name=name)
    run(["ip", "netns", "add", name]).checked()
    try:
        _begin(made)
        yield made
    finally:
        run(["ip", "netns", "delete", name]).checked()


def add_bridge(where: Network, addresses: Sequence[str]) -> None:
    """Make the bridge of a network, with addresses in CIDR notation. Raises: LabError."""
    where.ip(
        f"link add name {BRIDGE} address {ROUTER_MAC} type bridge",
        *(f"addr add {address} dev {BRIDGE}" for address in addresses),
        f"link set {BRIDGE} up",
    )


def plug(
    switch: Network,
    port: str,
    guest: Network,
    *,
    address: str,
    mac: str,
    gateway: str,
    destinations: Sequence[str],
    nic: str = "eth0",
) -> None:
    """Connect a guest by a cable from `port` of a switch's bridge to its `nic`, addressed and routed as by DHCP.

    address: in CIDR notation. destinations: what is routed by the gateway. Raises: LabError.
    """
    lay_cable(switch, port, guest, mac=mac, nic=nic)
    guest.ip(
        f"addr add {address} dev {nic}",
        *(f"route add {destination} via {gateway}" for destination in destinations),
    )


def remake(where: Network) -> None:
    """A fresh network under the same name. Nothing may run in the old one. Raises: LabError."""
    run(["ip", "netns", "delete", where.name]).checked()
    run(["ip", "netns", "add", where.name]).checked()
    _begin(where)


def _begin(made: Network) -> None:
    """Its loopback up, and the kernel's own settings in place of those that it has from this machine's network."""
    made.ip("link set lo up")
    settings = [f"echo {value} > /proc/sys/net/ipv4/{name}" for name, value in DEFAULTS.items()]
    made.run(["sh", "-c", "; ".join(settings)])  # where that may not be written, they stay


def lay_cable(
    switch: Network,
    port: str,
    guest: Network,
    *,
    mac: str,
    nic: str = "eth0",
    index: int | None = None,
    up: bool = True,
) -> None:
    """Connect a guest by a cable and set both ends up, without addresses. Raises: LabError.

    index: of both ends, each in its network. Then the kernel takes the guest's for a NIC of its own, whose state is
    down, and not lower-layer-down, while the cable is unplugged. up: False leaves the guest's end down, as a NIC is
    that nobody has configured.
    """
    guest.ip("link set lo up")
    number = "" if index is None else f"index {index} "
    switch.ip(f"link add name {port} {number}type veth peer name {nic} {number}netns {guest.name}")
    switch.ip(f"link set {port} master {BRIDGE} up")
    guest.ip(f"link set {nic} address {mac} {'up' if up else 'down'}")


def assert_no_way_out(fabric: Network) -> None:
    """Raises: LabError, when a fabric could send anything beyond its own bridge: its addresses are real elsewhere."""
    if routes := fabric.default_routes():
        raise LabError(
            f"the fabric {fabric.name} has a way out by {', '.join(routes)}; nothing is started in it"
        )
