"""The network namespaces of a machine in memory, and what becomes of NICs that move. Source: network-appliance.md §6.4.

network = FakeNetwork(machine.files)
network.add_nic("eth0", "00:0d:3a:00:00:01")
PROGRAMS (fake_programs/namespaces.py) make `ip`, `nft` and others work on it: `install(network, machine.commands)`.

What the host's namespace has is seen in /sys/class/net and /proc/net, too, and the names of others in /run/netns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.namespaces import HOST
from limpet.host.fake_devices import by_the_kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.host.fake_files import FakeFiles

NAMES = Path("/run/netns")
NETS, ROUTES, ADDRESSES = Path("/sys/class/net"), Path("/proc/net/route"), Path("/proc/net/fib_trie")
MAIN = 254
EXISTS = "RTNETLINK answers: File exists"
_HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeRoute:
    """One route of one table."""

    destination: IPv4Network
    device: str
    gateway: IPv4Address | None = None
    table: int = MAIN
    protocol: str = "boot"
    metric: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeRule:
    """One rule of routing."""

    priority: int
    table: int
    source: IPv4Network | None = None
    destination: IPv4Network | None = None


@dataclass
class FakeLink:
    """One link. kind: None for a NIC with a driver. peer: the other end of a veth.

    stays: why the kernel refuses to move it; None when it does not. master: the MAC's NIC takes this virtual function along.
    """

    name: str
    mac: str
    index: int
    kind: str | None = None
    device: str | None = None
    up: bool = False
    vf: bool = False
    group: int = 0
    mtu: int = 1500
    altnames: list[str] = field(default_factory=list)
    addresses: list[tuple[IPv4Interface, str]] = field(default_factory=list)
    peer: FakeLink | None = None
    stays: str | None = None
    follows: bool = False


@dataclass
class FakeNamespace:
    """One network namespace. tables: of nftables, family ip, by name. processes: what runs in it, by name."""

    links: list[FakeLink] = field(default_factory=list)
    routes: list[FakeRoute] = field(default_factory=list)
    rules: list[FakeRule] = field(default_factory=list)
    tables: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    processes: set[str] = field(default_factory=set)

    def named(self, name: str) -> FakeLink | None:
        """The link of that name, also an alternative name."""
        return next((each for each in self.links if name == each.name or name in each.altnames), None)


class FakeNetwork:
    """All namespaces. hidden: those without a name that processes keep. broken: by an object of `ip`, what makes it fail."""

    def __init__(self, files: FakeFiles) -> None:
        self.files = files
        self.namespaces: dict[str, FakeNamespace] = {HOST: FakeNamespace()}
        self.hidden: list[FakeNamespace] = []
        self.broken: dict[str, Callable[[tuple[str, ...]], str | None]] = {}
        self._last_index = 1
        self._shown: dict[Path, str] = {}
        self._sight: object = None

    def add_nic(
        self, name: str, mac: str, *, vf: bool = False, follows: bool = False, device: str | None = None
    ) -> FakeLink:
        """A NIC appears in the host's namespace, down and bare. vf, follows: a virtual function, that goes with its NIC."""
        link = FakeLink(name=name, mac=mac, index=self._index(), vf=vf, follows=follows, device=device)
        self.namespaces[HOST].links.append(link)
        self.show()
        return link

    def remove_nic(self, mac: str, *, vf: bool = False) -> None:
        """A NIC goes, wherever it is."""
        for namespace in self._all():
            for link in [each for each in namespace.links if each.mac == mac and each.vf == vf]:
                self._unplug(namespace, link)
        self.show()

    def add_bridge(self, name: str, namespace: str) -> None:
        """Somebody's virtual link in a namespace, which takes a name."""
        link = FakeLink(name=name, mac=self._mac(), index=self._index(), kind="bridge")
        self.namespaces[namespace].links.append(link)
        self.show()

    def add_veth(self, name: str, namespace: str, peer: str, other: str) -> str | None:
        """A pair of virtual links; gives the kernel's complaint."""
        here, there = self.namespaces[namespace], self.namespaces.get(other)
        if there is None:
            return "Error: Invalid netns value"
        if here.named(name) is not None or there.named(peer) is not None:
            return EXISTS
        near = FakeLink(name=name, mac=self._mac(), index=self._index(), kind="veth")
        far = FakeLink(name=peer, mac=self._mac(), index=self._index(), kind="veth", peer=near)
        near.peer = far
        here.links.append(near)
        there.links.append(far)
        self.show()
        return None

    def move(self, name: str, source: str, target: str, new_name: str | None) -> str | None:
        """Move a link. It loses addresses, routes, and its state UP; a name that is taken is refused."""
        here, there = self.namespaces[source], self.namespaces.get(target)
        link = here.named(name)
        if link is None:
            return f'Cannot find device "{name}"'
        if there is None:
            return "Error: Invalid netns value"
        if link.stays is not None:
            return f"RTNETLINK answers: {link.stays}"
        wanted = link.name if new_name is None else new_name
        problem = None
        if there.named(wanted) is not None:
            problem = EXISTS
            if there.named(link.name) is not None:
                return problem
            wanted = (
                link.name
            )  # the kernel moves it all the same where its own name is free, and only then renames it
        self._leave(here, link)
        link.name = wanted
        there.links.append(link)
        self._keep_together(link, here, there)
        self.show()
        return problem

    def delete_link(self, name: str, namespace: str) -> str | None:
        """A virtual link goes, a veth with its other end."""
        link = self.namespaces[namespace].named(name)
        if link is None:
            return f'Cannot find device "{name}"'
        if link.kind is None:
            return "RTNETLINK answers: Operation not supported"
        self._unplug(self.namespaces[namespace], link)
        self.show()
        return None

    def delete_namespace(self, name: str) -> None:
        """Its name goes; it ends itself when no process is in it any more."""
        gone = self.namespaces.pop(name)
        if gone.processes:
            self.hidden.append(gone)
        else:
            self._end(gone)
        self.show()

    def end_process(self, process: str) -> bool:
        """A process ends, wherever it is. Says whether there was one."""
        found = False
        for namespace in self._all():
            if process in namespace.processes:
                namespace.processes.discard(process)
                found = True
        for namespace in [each for each in self.hidden if not each.processes]:
            self.hidden.remove(namespace)
            self._end(namespace)
        self.show()
        return found

    def reboot(self) -> None:
        """Every namespace but the host's is gone, with all virtual links; the NICs are in the host's, down and bare."""
        for name in [each for each in self.namespaces if each != HOST]:
            self._end(self.namespaces.pop(name))
        for namespace in self.hidden:
            self._end(namespace)
        self.hidden.clear()
        links = [link for link in self.namespaces[HOST].links if link.kind is None]
        for link in links:
            link.up, link.group, link.addresses, link.altnames = False, 0, [], []
        self.namespaces[HOST] = FakeNamespace(links=links)
        self.show()

    def set_up(self, namespace: str, link: FakeLink, up: bool) -> None:
        """Bring a link up or down; a link that is down has no routes."""
        link.up = up
        space = self.namespaces[namespace]
        if up:
            for address, _ in link.addresses:
                self._connected(space, link, address)
        else:
            space.routes = [each for each in space.routes if each.device != link.name]
        self.show()

    def add_address(self, namespace: str, link: FakeLink, address: IPv4Interface, label: str) -> None:
        """Give a link an address, and the route to its network."""
        link.addresses.append((address, label))
        if link.up:
            self._connected(self.namespaces[namespace], link, address)
        self.show()

    def drop_addresses(
        self, namespace: str, link: FakeLink, which: Callable[[IPv4Interface, str], bool]
    ) -> None:
        """Take addresses off a link. With the last one every route of the link goes, in every table."""
        space = self.namespaces[namespace]
        before = len(link.addresses)
        link.addresses = [each for each in link.addresses if not which(*each)]
        left = {address.network for address, _ in link.addresses}
        space.routes = [
            each
            for each in space.routes
            if each.device != link.name
            or (left and (each.protocol != "kernel" or each.destination in left))
            or not before
        ]
        self.show()

    def where(self, mac: str, *, vf: bool = False) -> tuple[str, FakeLink] | None:
        """The namespace in which a NIC is, and the NIC; None where it is nowhere to be seen."""
        for name, space in self.namespaces.items():
            for link in space.links:
                if link.mac == mac and link.vf == vf and link.kind is None:
                    return name, link
        return None

    def _all(self) -> Iterator[FakeNamespace]:
        yield from self.namespaces.values()
        yield from self.hidden

    def _connected(self, space: FakeNamespace, link: FakeLink, address: IPv4Interface) -> None:
        if address.network.prefixlen < 32:
            route = FakeRoute(destination=address.network, device=link.name, protocol="kernel")
            if route not in space.routes:
                space.routes.append(route)

    def _keep_together(self, link: FakeLink, here: FakeNamespace, there: FakeNamespace) -> None:
        """What hv_netvsc does with a virtual function that `follows`, when it or its NIC has moved."""
        if not link.vf:
            for each in [other for other in here.links if other.vf and other.mac == link.mac]:
                if each.follows:
                    self._leave(here, each)
                    each.name = self._free(there, each.name)
                    there.links.append(each)
        elif link.follows:
            home = next((space for space in self._all() if _nic_of(space, link.mac)), None)
            if home is not None and home is not there:
                self._leave(there, link)
                link.name = self._free(home, link.name)
                home.links.append(link)

    def _leave(self, space: FakeNamespace, link: FakeLink) -> None:
        space.links.remove(link)
        space.routes = [each for each in space.routes if each.device != link.name]
        link.up, link.addresses = False, []

    def _unplug(self, space: FakeNamespace, link: FakeLink) -> None:
        self._leave(space, link)
        if link.peer is not None:
            for other in self._all():
                if link.peer in other.links:
                    self._leave(other, link.peer)

    def _end(self, space: FakeNamespace) -> None:
        """What the kernel does when the last user of a namespace is gone: NICs return to the first one, the rest is destroyed."""
        host = self.namespaces[HOST]
        for link in list(space.links):
            if link.kind is None:
                self._leave(space, link)
                if host.named(link.name) is not None:
                    link.name = f"dev{link.index}"
                host.links.append(link)
            else:
                self._unplug(space, link)

    def _free(self, space: FakeNamespace, name: str) -> str:
        return name if space.named(name) is None else f"eth{self._index()}"

    def _index(self) -> int:
        self._last_index += 1
        return self._last_index

    def _mac(self) -> str:
        return f"02:00:00:00:{self._last_index // 256:02x}:{self._last_index % 256:02x}"

    def show(self) -> None:
        """Let the files say what there is."""
        host = self.namespaces[HOST]
        links = [(each.name, each.mac, each.up, each.vf, each.kind, *each.addresses) for each in host.links]
        sight = (tuple(self.namespaces), links, list(host.routes))
        if sight == self._sight:
            return
        self._sight = sight
        wanted = dict(self._files())
        with by_the_kernel(self.files):
            for path in self._shown.keys() - wanted.keys():
                self.files.nodes.pop(path, None)
            for folder in {path.parent for path in self._shown} - {path.parent for path in wanted}:
                self.files.nodes.pop(folder, None)
            for path, text in wanted.items():
                if self._shown.get(path) != text:
                    self.files.make_folder(path.parent)
                    self.files.replace(path, text.encode())
        self._shown = wanted

    def _files(self) -> Iterator[tuple[Path, str]]:
        for name in self.namespaces:
            if name != HOST:
                yield NAMES / name, ""
        host = self.namespaces[HOST]
        for link in host.links:
            folder = NETS / link.name
            yield folder / "address", f"{link.mac}\n"
            yield folder / "type", "1\n"
            yield folder / "flags", f"0x{0x1002 | link.up | (0x800 if link.vf else 0):x}\n"
            yield folder / "carrier", "1\n" if link.up else ""
            if link.kind is None:
                yield folder / "device" / "vendor", "0x1414\n"
        yield ROUTES, _HEAD + "".join(_route_line(each) for each in host.routes if each.table == MAIN)
        own = [address.ip for link in host.links for address, _ in link.addresses]
        yield ADDRESSES, "".join(f"        |-- {each}\n           /32 host LOCAL\n" for each in own)


def _nic_of(space: FakeNamespace, mac: str) -> bool:
    return any(link.mac == mac and not link.vf and link.kind is None for link in space.links)


def _route_line(route: FakeRoute) -> str:
    destination, gateway = route.destination, route.gateway or IPv4Address(0)
    flags = 0x1 | (0x2 if route.gateway else 0) | (0x4 if destination.prefixlen == 32 else 0)
    words = (
        kernel_hex(destination.network_address),
        kernel_hex(gateway),
        f"{flags:04X}",
        "0\t0",
        str(route.metric),
    )
    return "\t".join((route.device, *words, kernel_hex(destination.netmask), "0\t0\t0\n"))


def kernel_hex(address: IPv4Address) -> str:
    """An address as /proc/net/route has it."""
    return address.packed[::-1].hex().upper()
