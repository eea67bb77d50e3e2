"""The same networks as a kernel has them (limpet.host.fake_network), for the real driver of the embedded network OS."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from tests.appliance.simulation.networks import GUEST, NOS

from limpet.guest.namespaces import HOST
from limpet.host.fake_network import FakeNetwork, FakeRoute
from limpet.host.fake_programs import namespaces

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Address, IPv4Interface

    from limpet.host.fake import FakeMachine
    from limpet.host.fake_files import FakeFiles
    from limpet.host.fake_network import FakeLink

EVERYWHERE = IPv4Network("0.0.0.0/0")


class _Told(FakeNetwork):
    """news: called when something has changed in the host's namespace."""

    def __init__(self, files: FakeFiles, news: Callable[[], None]) -> None:
        self._news = news
        self._links: object = None
        super().__init__(files)

    def show(self) -> None:
        super().show()
        links = [(each.name, each.up) for each in self.namespaces[HOST].links]
        if links != self._links:
            self._links = links
            self._news()


class KernelNetworks:
    """As tests.appliance.simulation.networks.Networks, over the kernel that is faked once for all drivers."""

    def __init__(self, machine: FakeMachine, news: Callable[[], None] = lambda: None) -> None:
        self.machine = machine
        self.network = _Told(machine.files, news)
        namespaces.install(self.network, machine.commands)

    @property
    def spaces(self) -> dict[str, object]:
        return dict(self.network.namespaces)

    @property
    def moves(self) -> list[tuple[float, str, str, str]]:
        return []

    def plug(self, name: str, mac: str, *, vf: bool = False, device: str | None = None) -> FakeLink:
        return self.network.add_nic(name, mac, vf=vf, device=device)

    def unplug(self, mac: str, *, vf: bool) -> None:
        self.network.remove_nic(mac, vf=vf)

    def restart(self) -> None:
        self.network.reboot()

    def find(self, space: str, name: str) -> FakeLink | None:
        found = self.network.namespaces.get(space)
        return None if found is None else found.named(name)

    def where(self, mac: str, *, vf: bool = False) -> tuple[str, FakeLink] | None:
        return self.network.where(mac, vf=vf)

    def vanish(self, space: str) -> None:
        if space in self.network.namespaces:
            self.network.delete_namespace(space)

    def lose_rules(self, *, nat: bool) -> None:
        found = self.network.namespaces.get(NOS)
        if found is not None:
            for name in list(found.tables):
                if nat or "nat" not in name:
                    del found.tables[name]

    def bare(self, mac: str) -> None:
        found = self.where(mac)
        if found is not None:
            self.network.drop_addresses(found[0], found[1], lambda *_: True)
            self.network.set_up(found[0], found[1], False)

    def leased(self, link: FakeLink, address: IPv4Interface, gateway: IPv4Address) -> None:
        """What the boot stage does with a lease."""
        host = self.network.namespaces[HOST]
        self.network.drop_addresses(HOST, link, lambda *_: True)
        self.network.set_up(HOST, link, True)
        self.network.add_address(HOST, link, address, link.name)
        everywhere = FakeRoute(destination=EVERYWHERE, device=link.name, gateway=gateway)
        host.routes.append(everywhere)
        self.network.show()

    def way(self, space: str, primary: str, address: IPv4Interface) -> str | None:
        """Why nothing from a namespace reaches the platform; None when it does."""
        known = self.network.namespaces
        if space == GUEST:
            inner, outer = self.find(GUEST, "gs0"), self.find(NOS, "vpg0")
            if inner is None or outer is None or not (inner.up and outer.up and inner.addresses):
                return "Network is unreachable"
            if f"snat to {address.ip}\n" not in known[NOS].tables.get("limpet_nat", ""):
                return "timed out: no NAT to the primary address"
            if known[NOS].settings.get("net.ipv4.ip_forward") != "1":
                return "timed out: the kernel does not forward"
            if not any(each.destination.prefixlen == 0 for each in known[GUEST].routes):
                return "Network is unreachable: no default route in the guest"
            space = NOS
        found = self.where(primary)
        if found is None or found[0] != space:
            return "Network is unreachable"
        link = found[1]
        if not link.up or address not in [each for each, _ in link.addresses]:
            return "timed out: the primary NIC is down, or has another address"
        ways = [each for each in known[space].routes if each.destination.prefixlen == 0 and each.table == 254]
        if not any(each.device == link.name for each in ways):
            return "Network is unreachable: no default route"
        return None
