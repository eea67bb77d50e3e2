"""A machine in memory with NICs, for the contract tests of drivers. A driver of its own adds itself to RIGS."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from tests.appliance.networkos import hooks_rig

from limpet.appliance.networkos.frr.day_zero import original
from limpet.appliance.networkos.frr.driver import NAMESPACE, FrrNetworkOs
from limpet.appliance.networkos.iosxe.driver import IosXeNetworkOs
from limpet.appliance.networkos.kernel import KernelNetworkOs
from limpet.guest.lease import AcquiredLease
from limpet.guest.namespaces import HOST
from limpet.guest.site import Nic, Site
from limpet.guest.steps import Task
from limpet.host.facts.namespaces import look
from limpet.host.fake import FakeMachine
from limpet.host.fake_network import FakeLink, FakeNetwork
from limpet.host.fake_programs import frr as fake_frr
from limpet.host.fake_programs import namespaces
from limpet.model.addresses import METADATA, WIRE_SERVER
from limpet.model.network import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from limpet.appliance.networkos.contract import NetworkOs
    from limpet.guest.namespaces import Seen
    from limpet.guest.steps import Step


def mac_of(number: int) -> str:
    return f"00:0d:3a:00:{number:02x}:10"


def lease_for(
    number: int, *, address: str | None = None, gateway: str | None = None, default: bool = True
) -> AcquiredLease:
    """As DHCP gives it to NIC `number`: a default route and those to the platform, by the subnet's first address."""
    way = IPv4Address(gateway or f"10.0.{number}.1")
    places = [f"{WIRE_SERVER}/32", f"{METADATA}/32", *(["0.0.0.0/0"] if default else [])]
    return AcquiredLease(
        interface=f"eth{number}",
        mac=mac_of(number).replace(":", ""),
        address=IPv4Address(address or f"10.0.{number}.16"),
        prefix=24,
        routes=tuple(Route(destination=IPv4Network(each), gateway=way) for each in places),
        dns=(WIRE_SERVER,),
        wire_server=WIRE_SERVER,
        server=WIRE_SERVER,
        obtained=0.0,
        seconds=3600,
    )


def site_for(count: int, *, vfs: bool = False) -> Site:
    """NICs eth0, eth1 … of which the first is the primary one, and comes last."""
    numbers = [*range(1, count), 0]
    nics = (
        Nic(name=f"eth{each}", mac=mac_of(each), primary=each == 0, vf=f"enP{each}" if vfs else None)
        for each in numbers
    )
    return Site(nics=tuple(nics), leases={mac_of(each): lease_for(each) for each in numbers})


@dataclass
class Rig:
    """One driver on one machine. holds: whether the network OS has the NIC with a MAC.

    blind: whether the driver cannot see what its network OS has done, and so has it told again.
    """

    driver: NetworkOs
    site: Site
    machine: FakeMachine = field(default_factory=FakeMachine)
    network: FakeNetwork = field(init=False)
    blind: bool = False

    def __post_init__(self) -> None:
        self.network = FakeNetwork(self.machine.files)
        self.programs = namespaces.install(self.network, self.machine.commands)
        for nic in sorted(self.site.nics, key=lambda each: each.name):
            self.network.add_nic(nic.name, nic.mac)
            if nic.vf is not None:
                self.network.add_nic(nic.vf, nic.mac, vf=True)
            self.network.set_up(HOST, self.link(nic), True)

    def link(self, nic: Nic) -> FakeLink:
        found = self.network.where(nic.mac)
        assert found is not None
        return found[1]

    def holds(self, nic: Nic, *, vf: bool = False) -> bool:
        found = self.network.where(nic.mac, vf=vf)
        return found is not None and found[0] == self.site.network_os

    def seen(self) -> Seen:
        return look(self.machine.files, self.machine.commands, (self.site.network_os, self.site.guest))

    def apply(self, tasks: Iterable[Task]) -> None:
        """All of it must work."""
        for outcome in self.machine.interpreter.apply(tasks):
            assert not outcome.failed, outcome.describe()

    def do(self, steps: Iterable[Step]) -> None:
        self.apply([Task(name="steps", purpose="do it", steps=tuple(steps))])

    def start(self) -> None:
        self.apply(self.driver.start(self.site, self.seen()))

    def claim(self, nic: Nic) -> None:
        self.do(self.driver.claim(nic, self.site, self.seen()).forward)

    def dress(self, nic: Nic) -> None:
        self.do(self.driver.dress(nic, self.site.leases.get(nic.mac), self.site, self.seen()))

    def release(self, nic: Nic) -> None:
        self.do(self.driver.release(nic, self.site, self.seen()))

    def stop(self) -> None:
        self.apply(self.driver.stop(self.site, self.seen()))

    def hand_over(self) -> None:
        """Start, then NIC by NIC, the primary last."""
        self.start()
        for nic in self.site.nics:
            self.claim(nic)
            self.dress(nic)

    def take_back(self) -> None:
        """All NICs, the primary first."""
        for nic in reversed(self.site.nics):
            self.release(nic)

    def linux(self) -> set[tuple[str, str, bool]]:
        """What Linux has: names, MACs, whether up."""
        return {(link.name, link.mac, link.up) for link in self.network.namespaces[HOST].links if not link.vf}


def kernel(site: Site) -> Rig:
    return Rig(KernelNetworkOs(), site)


def iosxe(site: Site) -> Rig:
    return Rig(IosXeNetworkOs(below=KernelNetworkOs()), site)


class FrrRig(Rig):
    """frr: the daemons, to be killed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.frr = fake_frr.install(self.network, self.programs, self.machine.commands)


def frr(site: Site) -> FrrRig:
    rig = FrrRig(FrrNetworkOs(), site)
    rig.driver = FrrNetworkOs(original=partial(original, rig.machine.files, NAMESPACE))
    return rig


class HooksRig(Rig):
    """A vendor's programs, which work as the embedded network OS does."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.blind = True
        self.driver = hooks_rig.install(self)


def hooks(site: Site) -> HooksRig:
    return HooksRig(KernelNetworkOs(), site)


RIGS: Mapping[str, Callable[[Site], Rig]] = {"kernel": kernel, "frr": frr, "iosxe": iosxe, "hooks": hooks}
