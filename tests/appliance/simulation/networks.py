"""Network namespaces in memory, with what decides whether a packet reaches the platform: NICs, addresses, routes, NAT, the port.

The host's namespace is shown in /sys/class/net and /proc/net too, where the boot stage and the fallback look.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.namespaces import HOST
from limpet.host.fake_commands import Said
from limpet.host.fake_devices import by_the_kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.host.fake import FakeMachine
    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

NOS, GUEST = "limpet-nos", "limpet-guest"
NAMES = Path("/run/netns")
ROUTES, TRIE = Path("/proc/net/route"), Path("/proc/net/fib_trie")
_HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


@dataclass(eq=False)
class Link:
    """One link; home: the name that udev gives it in the host."""

    name: str
    mac: str
    index: int
    home: str
    up: bool = False
    kind: str | None = None
    vf: bool = False
    device: str | None = None
    addresses: list[IPv4Interface] = field(default_factory=list)

    @property
    def document(self) -> dict[str, object]:
        """As `ip -json -details address` has it."""
        flags = ["BROADCAST", *(["UP", "LOWER_UP"] if self.up else []), *(["SLAVE"] if self.vf else [])]
        found: dict[str, object] = {
            "ifindex": self.index,
            "ifname": self.name,
            "flags": flags,
            "mtu": 1500,
            "link_type": "ether",
            "address": self.mac,
            "addr_info": [
                {
                    "family": "inet",
                    "local": str(each.ip),
                    "prefixlen": each.network.prefixlen,
                    "label": self.name,
                }
                for each in self.addresses
            ],
        }
        if self.kind is not None:
            found["linkinfo"] = {"info_kind": self.kind}
        if self.device is not None:
            found["parentdev"] = self.device
        return found


@dataclass
class Networks:
    """spaces: links by namespace. routes: of each namespace, by destination the gateway and the link's name. nat: the address
    that the guest goes out by. rules: whether the owned rule sets are loaded. news: told of changes in the host's namespace.
    moves: every change of a real NIC's namespace, for the invariants.
    """

    machine: FakeMachine
    news: Callable[[], None] = lambda: None
    spaces: dict[str, list[Link]] = field(default_factory=lambda: {HOST: []})
    routes: dict[str, dict[str, tuple[str, str]]] = field(default_factory=lambda: {HOST: {}})
    nat: IPv4Address | None = None
    rules: bool = False
    moves: list[tuple[float, str, str, str]] = field(default_factory=list)
    version: int = 0
    _shown: dict[str, tuple[tuple[int, int], bytes]] = field(default_factory=dict)
    _index: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    # --- the platform

    def plug(self, name: str, mac: str, *, vf: bool = False, device: str | None = None) -> Link:
        """A NIC appears in Linux."""
        link = Link(name=name, mac=mac, index=next(self._index), home=name, vf=vf, device=device)
        self._place(link, HOST)
        return link

    def unplug(self, mac: str, *, vf: bool) -> None:
        """It is gone, wherever it was."""
        for space, link in list(self.every()):
            if link.mac == mac and link.vf == vf and link.kind is None:
                self._take(link, space)

    def restart(self) -> None:
        """The machine starts anew: only the host's namespace, with every NIC in it, bare and down, under the first name."""
        links = [link for _, link in self.every() if link.kind is None]
        for link in list(self.spaces[HOST]):
            self._take(link, HOST)
        self.spaces, self.routes, self.nat, self.rules = {HOST: []}, {HOST: {}}, None, False
        for link in links:
            link.home = self._free(link.home)  # one may have been put in while another one's name was away
            link.name, link.up, link.addresses = link.home, False, []
            self._place(link, HOST)
        self._changed(HOST)

    def lose_rules(self, *, nat: bool) -> None:
        """The owned rule sets are gone, and NAT too."""
        self.rules = False
        self.nat = None if nat else self.nat

    def bare(self, mac: str) -> None:
        """Somebody shuts a NIC."""
        found = self.where(mac)
        if found is not None:
            self.address(found[1], found[0], [], up=False)

    def leased(self, link: Link, address: IPv4Interface, gateway: IPv4Address) -> None:
        """What the boot stage does with a lease."""
        self.address(link, HOST, [address])
        self.routes[HOST]["0.0.0.0/0"] = (str(gateway), link.name)
        self._changed(HOST)

    def way(self, space: str, primary: str, address: IPv4Interface) -> str | None:
        """Why nothing from a namespace reaches the platform; None when it does."""
        if space == GUEST:
            inner = next((each for each in self.spaces.get(GUEST, ()) if each.kind == "veth"), None)
            outer = next((each for each in self.spaces.get(NOS, ()) if each.kind == "veth"), None)
            if inner is None or outer is None or not (inner.up and outer.up and inner.addresses):
                return "Network is unreachable"
            if self.nat != address.ip:
                return "timed out: no NAT to the primary address"
            space = NOS
        found = self.where(primary)
        if found is None or found[0] != space:
            return "Network is unreachable"
        link = found[1]
        up = self.machine.links.states[link.name].up if space == HOST else link.up
        if not up or address not in link.addresses:
            return "timed out: the primary NIC is down, or has another address"
        if self.routes[space].get("0.0.0.0/0", ("", ""))[1] != link.name:
            return "Network is unreachable: no default route"
        return None

    # --- what the kernel does

    def every(self) -> Iterator[tuple[str, Link]]:
        for space, links in self.spaces.items():
            for link in links:
                yield space, link

    def find(self, space: str, name: str) -> Link | None:
        return next((each for each in self.spaces.get(space, ()) if each.name == name), None)

    def where(self, mac: str, *, vf: bool = False) -> tuple[str, Link] | None:
        return next(
            (
                (space, link)
                for space, link in self.every()
                if link.mac == mac and link.vf == vf and link.kind is None
            ),
            None,
        )

    def make(self, space: str) -> None:
        """A namespace, if it is not there."""
        if space not in self.spaces:
            self.spaces[space], self.routes[space] = [], {}
            self._name(space, there=True)
            self._changed(space)

    def vanish(self, space: str) -> None:
        """A namespace is gone: real NICs come back to Linux, down and bare; virtual ones die with their peer."""
        for link in list(self.spaces.get(space, ())):
            if link.kind is None:
                self.move(link, space, HOST, name=self._free(link.home))
            else:
                self._pair_dies()
        self.spaces.pop(space, None)
        self.routes.pop(space, None)
        if space == NOS:
            self.nat = None
        self._name(space, there=False)
        self._changed(space)

    def move(self, link: Link, source: str, target: str, *, name: str) -> str | None:
        """Give a link to another namespace. Says why it cannot be."""
        if target not in self.spaces:
            return f'Invalid "netns" value "{target}"'
        if self.find(target, name) is not None:
            return "RTNETLINK answers: File exists"
        self._take(link, source)
        link.name, link.up, link.addresses = name, False, []
        self._place(link, target)
        self.moves.append((self.machine.clock.monotonic(), link.mac, source, target))
        return None

    def pair(self, outer: str, inner: str) -> None:
        """The guest port."""
        self._pair_dies()
        for space, name, tail in ((NOS, outer, "01"), (GUEST, inner, "02")):
            link = Link(
                name=name, mac=f"02:00:00:00:00:{tail}", index=next(self._index), home=name, kind="veth"
            )
            self._place(link, space)

    def _pair_dies(self) -> None:
        for space, link in list(self.every()):
            if link.kind == "veth":
                self.spaces[space].remove(link)
                self._changed(space)

    def address(self, link: Link, space: str, addresses: list[IPv4Interface], *, up: bool = True) -> None:
        link.addresses, link.up = addresses, up
        if space == HOST:
            self._show_up(link)
        self._changed(space)

    def _free(self, name: str) -> str:
        return name if self.find(HOST, name) is None else f"dev{next(self._index)}"

    def _place(self, link: Link, space: str) -> None:
        self.spaces[space].append(link)
        if space == HOST:
            with by_the_kernel(self.machine.files):
                self.machine.links.add(link.name, link.mac.replace(":", ""), up=link.up)
        self._changed(space)

    def _take(self, link: Link, space: str) -> None:
        self.spaces[space].remove(link)
        self.routes[space] = {to: via for to, via in self.routes[space].items() if via[1] != link.name}
        if space == HOST:
            self.machine.links.remove(link.name)
        self._changed(space)

    def _show_up(self, link: Link) -> None:
        with by_the_kernel(self.machine.files):
            self.machine.links.set_up(link.name, link.up)

    def _name(self, space: str, *, there: bool) -> None:
        files = self.machine.files
        with by_the_kernel(files):
            if there:
                files.make_folder(NAMES)
                files.replace(NAMES / space, b"")
            else:
                files.remove(NAMES / space)

    def _changed(self, space: str) -> None:
        self.version += 1
        if space != HOST:
            return
        with by_the_kernel(self.machine.files):
            lines = []
            for to, (gateway, name) in self.routes[HOST].items():
                network = IPv4Network(to)
                lines.append(
                    f"{name}\t{_hex(network.network_address)}\t{_hex(IPv4Address(gateway))}\t0003\t0\t0\t0\t"
                    f"{_hex(network.netmask)}\t0\t0\t0\n"
                )
            own = sorted(each.ip for link in self.spaces[HOST] for each in link.addresses)
            self._put(ROUTES, _HEAD + "".join(lines))
            self._put(TRIE, "".join(f"        |-- {each}\n           /32 host LOCAL\n" for each in own))
        self.news()

    def _put(self, path: Path, text: str) -> None:
        self.machine.files.make_folder(path.parent)
        self.machine.files.replace(path, text.encode())

    # --- the program ip

    def ip(self, files: FakeFiles, call: Call) -> Said:
        """`ip`, as far as limpet uses it here."""
        words = list(call.argv[1:])
        space = HOST
        if words[:1] == ["-netns"]:
            space, words = words[1], words[2:]
        if space not in self.spaces:
            return Said(exit_code=1, stderr=f'Cannot open network namespace "{space}"')
        if words == ["-json", "-details", "address", "show"]:
            return Said(self._listed(space))
        if words != ["-batch", "-"]:
            return Said(exit_code=255, stderr=f"ip: {words} is not known here")
        for number, line in enumerate(call.stdin.decode().splitlines(), 1):
            files.before()
            problem = self._line(space, line.split())
            if problem:
                return Said(exit_code=1, stderr=f"{problem}\nCommand failed -:{number}")
        return Said()

    def _listed(self, space: str) -> bytes:
        known, now = self._shown.get(space), (self.version, len(self.machine.links.brought))
        if known is None or known[0] != now:
            for link in self.spaces[HOST]:
                link.up = self.machine.links.states[link.name].up  # the boot stage sets it by another port
            content = json.dumps([link.document for link in self.spaces[space]]).encode()
            known = self._shown[space] = (now, content)
        return known[1]

    def _line(self, space: str, words: list[str]) -> str | None:  # noqa: C901 - one case for each command
        name = words[words.index("dev") + 1] if "dev" in words else ""
        link = self.find(space, name)
        if link is None:
            return f'Cannot find device "{name}"'
        if space == HOST:
            link.up = self.machine.links.states[name].up
        match words:
            case ["link", "set", "dev", _, ("up" | "down") as way]:
                self.address(link, space, link.addresses, up=way == "up")
            case ["link", "set", "dev", _, "name", other]:
                if link.up:
                    return "RTNETLINK answers: Device or resource busy"
                return self._rename(link, space, other)
            case ["address", "replace", address, *_]:
                here = [each for each in link.addresses if each != IPv4Interface(address)]
                self.address(link, space, [*here, IPv4Interface(address)], up=link.up)
                network = IPv4Interface(address).network
                if network.prefixlen < 32:
                    self.routes[space][str(network)] = ("0.0.0.0", name)
                self._changed(space)
            case ["address", "flush", *_]:
                self.address(link, space, [], up=link.up)
                self._forget(space, name)
            case ["route", "flush", *_]:
                self._forget(space, name)
            case ["route", "replace" | "add", to, "via", gateway, *_]:
                return self._route(space, link, to, gateway)
            case ["route", "replace" | "add", to, "dev", *_]:
                return self._route(space, link, to, "0.0.0.0")
            case _:
                return f'Command "{" ".join(words)}" is unknown, try "ip help".'
        return None

    def _rename(self, link: Link, space: str, name: str) -> str | None:
        if self.find(space, name) is not None:
            return "RTNETLINK answers: File exists"
        self._take(link, space)
        link.name = name
        self._place(link, space)
        return None

    def _forget(self, space: str, name: str) -> None:
        self.routes[space] = {to: via for to, via in self.routes[space].items() if via[1] != name}
        self._changed(space)

    def _route(self, space: str, link: Link, to: str, gateway: str) -> str | None:
        up = self.machine.links.states[link.name].up if space == HOST else link.up
        if not up:
            return "Error: Device for nexthop is not up."
        self.routes[space][str(IPv4Network("0.0.0.0/0" if to == "default" else to))] = (gateway, link.name)
        self._changed(space)
        return None


def _hex(address: IPv4Address) -> str:
    return address.packed[::-1].hex().upper()
