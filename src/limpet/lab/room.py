"""A room: one fabric and its machines, wired on this host by network namespaces, with no way out."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING

from limpet.lab import netns, requirements
from limpet.lab.commands import LabError
from limpet.lab.emulator import Emulator, emulator
from limpet.lab.machine import Machine, machine
from limpet.lab.workspace import Workspace, workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

GATEWAY = IPv4Interface("10.0.0.1/24")
FIRST_GUEST = 4
"""As on Azure, where the first addresses of a subnet are the platform's."""
MOST_GUESTS = 250
MORE_NICS, MOST_MORE_NICS = 100, 4
"""From which address on NICs beside the first ones are, and how many a VM has at most."""
FIRST_INDEX = 1000
"""Interfaces that DHCP configures have this index and more: see `netns.lay_cable`."""
PLATFORM = ("168.63.129.16/32", "169.254.169.254/32")
"""The wire server's and the metadata service's; DHCP routes them by the gateway, and waagent insists on that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Port:
    """A VM's place on the fabric. address: IPv4. mac: lower case with colons, of Azure's vendor."""

    network: netns.Network
    address: str
    mac: str


class Room:
    """Made by `room`; everything in it ends with it."""

    def __init__(self, space: Workspace, fabric: netns.Network, stack: ExitStack) -> None:
        self.workspace = space
        self.fabric = fabric
        self._stack = stack
        self._ports: list[Port] = []

    def port(self, *, addressed: bool = True) -> Port:
        """A new network with an eth0 on the fabric, addressed, its default route by the fabric. Raises: LabError.

        addressed: False leaves that to DHCP, by the emulator's ``--dhcp br0``; the port's address is what it will get.
        """
        number = len(self._ports)
        if number >= MOST_GUESTS:
            raise LabError(f"a room has place for {MOST_GUESTS} guests")
        guest = self._stack.enter_context(netns.network(f"{self.workspace.name}-vm{number}"))
        address = GATEWAY.network[FIRST_GUEST + number]
        port = Port(network=guest, address=str(address), mac=f"00:0d:3a:00:00:{FIRST_GUEST + number:02x}")
        if addressed:
            netns.plug(
                self.fabric,
                f"port{number}",
                guest,
                address=f"{address}/{GATEWAY.network.prefixlen}",
                mac=port.mac,
                gateway=str(GATEWAY.ip),
                destinations=("default", *PLATFORM),
            )
        else:
            index = FIRST_INDEX + FIRST_GUEST + number
            netns.lay_cable(self.fabric, f"port{number}", guest, mac=port.mac, index=index)
        self._ports.append(port)
        return port

    def add_nic(self, port: Port, number: int) -> tuple[str, str]:
        """Another NIC beside a port's eth0, left to DHCP: eth1, eth2 … Gives its MAC and the address it will get.

        number: 1 to 4. A veth moves with its network, so it is there before the machine boots. Raises: LabError.
        """
        first = int(port.address.rsplit(".", 1)[1])
        last = MORE_NICS + (first - FIRST_GUEST) * MOST_MORE_NICS + number
        if not 1 <= number <= MOST_MORE_NICS or last >= 255:
            raise LabError(f"a room has no place for NIC {number} of the VM at {port.address}")
        mac = f"00:0d:3a:00:01:{last:02x}"
        netns.lay_cable(
            self.fabric, f"nic{last}", port.network, mac=mac, nic=f"eth{number}", index=FIRST_INDEX + last
        )
        return mac, str(GATEWAY.network[last])

    def plugged(self, port: Port, *, wanted: bool) -> None:
        """Pull the cable of a port's eth0, or plug it in again: the carrier goes, addresses and routes stay. Raises: LabError."""
        self.fabric.ip(f"link set {self.port_name(port)} {'up' if wanted else 'down'}")

    def port_name(self, port: Port) -> str:
        """The fabric's end of the cable to a port's eth0."""
        return f"port{self._ports.index(port)}"

    def machine(
        self, layers: Sequence[Path], *, name: str | None = None, addressed: bool = True
    ) -> tuple[Machine, Port]:
        """A machine on a port of its own, not booted yet. layers: root file systems, the first one on top.

        addressed: False leaves its NIC to DHCP, as `port` says.
        """
        port = self.port(addressed=addressed)
        made = self._stack.enter_context(
            machine(name or f"vm{len(self._ports) - 1}", self.workspace, port.network, layers)
        )
        return made, port

    def emulator(self, *more: str, page_port: int | None = None) -> Emulator:
        """The fabric's emulator, started with further arguments; page_port: see `emulator`. Raises: LabError."""
        folder = self.workspace.folder / "emulator"
        return self._stack.enter_context(emulator(self.fabric, folder, more=more, page_port=page_port))


@contextmanager
def room() -> Iterator[Room]:
    """A room with a fabric and no VM yet. Rooms stand side by side, in one process and in several.

    Raises: LabError, also when this machine lacks what a lab needs.
    """
    requirements.require()
    with ExitStack() as stack:
        space = stack.enter_context(workspace())
        fabric = stack.enter_context(netns.network(f"{space.name}-fabric"))
        netns.add_bridge(fabric, (str(GATEWAY), *PLATFORM))
        netns.assert_no_way_out(fabric)
        yield Room(space, fabric, stack)
