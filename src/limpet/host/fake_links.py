"""NICs and what is behind them in memory: the Links port for tests, with a DHCP server that can lie."""

# ruff: noqa: RUF009 - the defaults are values that cannot change

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.fake_devices import by_the_kernel
from limpet.model.errors import HostError, MalformedDocument
from limpet.model.network import DhcpMessage, LinkState, Route
from limpet.wire.dhcp import parse_dhcp_message, render_dhcp_message

if TYPE_CHECKING:
    from limpet.host.fake import FakeClock
    from limpet.host.fake_files import FakeFiles

NETS = Path("/sys/class/net")
DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
_UP, _BROADCAST = 0x1, 0x2

Answer = tuple[float, bytes]
"""Seconds after the request, and the payload."""
Server = Callable[[bytes], Iterable[Answer]]


def silence(_packet: bytes) -> Iterable[Answer]:
    """Nobody is there."""
    return ()


@dataclass
class FakeDhcpServer:
    """The platform's DHCP. Each attribute may be changed in a test.

    lie: what is sent instead of a proper answer; it may be any number of payloads. delay: seconds before an answer. names: the
    host names it was told, in order. requests: every message, as it came.
    """

    address: IPv4Address = IPv4Address("10.0.0.4")
    mask: IPv4Address = IPv4Address("255.255.255.0")
    router: IPv4Address = IPv4Address("10.0.0.1")
    server: IPv4Address = IPv4Address("168.63.129.16")
    wire_server: IPv4Address | None = IPv4Address("168.63.129.16")
    routes: tuple[str, ...] = ("0.0.0.0/0", "168.63.129.16/32", "169.254.169.254/32")
    delay: float = 0.01
    quiet: bool = False
    lie: Callable[[DhcpMessage], Iterable[bytes | DhcpMessage]] = lambda proper: (proper,)
    names: list[str] = field(default_factory=list)
    requests: list[DhcpMessage] = field(default_factory=list)

    def __call__(self, packet: bytes) -> Iterable[Answer]:
        """Answer a client's packet."""
        try:
            request = parse_dhcp_message(packet)
        except MalformedDocument:
            return
        self.requests.append(request)
        proper = None if self.quiet else self._proper(request)
        if proper is None:
            return
        for answer in self.lie(proper):
            yield self.delay, answer if isinstance(answer, bytes) else render_dhcp_message(answer)

    def _proper(self, request: DhcpMessage) -> DhcpMessage | None:
        if request.kind == DISCOVER:
            return self._granted(request, OFFER)
        if request.kind != REQUEST or request.server not in {None, self.server}:
            return None
        if (request.requested_address or request.client_address) != self.address:
            return DhcpMessage(
                reply=True,
                transaction=request.transaction,
                hardware_address=request.hardware_address,
                kind=NAK,
                server=self.server,
            )
        if request.host_name:
            self.names.append(request.host_name)
        return self._granted(request, ACK)

    def _granted(self, request: DhcpMessage, kind: int) -> DhcpMessage:
        return DhcpMessage(
            reply=True,
            transaction=request.transaction,
            hardware_address=request.hardware_address,
            kind=kind,
            address=self.address,
            client_address=request.client_address,
            subnet_mask=self.mask,
            routers=(self.router,) if self.routes else (),
            dns_servers=(self.server,),
            domain_name="internal.cloudapp.net",
            lease_seconds=0xFFFFFFFF,
            server=self.server,
            routes=tuple(Route(destination=IPv4Network(each), gateway=self.router) for each in self.routes),
            wire_server=self.wire_server,
        )

    def changed(self, **members: object) -> None:
        """Lie from now on: the proper answer with other members."""
        self.lie = lambda proper: (replace(proper, **members),)  # type: ignore[arg-type]


@dataclass
class FakeLinks:
    """NICs appear in /sys/class/net of `files`, as the kernel shows them.

    servers: what is behind each NIC. brought: every change of a link, in order. broken: what opening a NIC says. open: how
    many wires and news are open; each must be closed. lossy: whether the kernel keeps no news, so that only what has become
    of the NICs is told.
    """

    files: FakeFiles
    clock: FakeClock
    servers: dict[str, Server] = field(default_factory=dict)
    brought: list[tuple[str, bool]] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    open: int = 0
    connected: dict[str, bool] = field(default_factory=dict)
    lossy: bool = False
    states: dict[str, LinkState] = field(default_factory=dict)
    news: list[FakeLinkNews] = field(default_factory=list)
    _indexes: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    def add(
        self,
        name: str,
        mac: str = "00155d010203",
        *,
        server: Server = silence,
        driver: str | None = "hv_netvsc",
        up: bool = False,
        connected: bool = True,
    ) -> None:
        """Put a NIC in. driver: None for one without a device."""
        folder = NETS / name
        self.files.make_folder(folder)
        self.files.replace(
            folder / "address", (":".join(mac[at : at + 2] for at in range(0, 12, 2)) + "\n").encode()
        )
        self.files.replace(folder / "type", b"1\n")
        if driver is not None:
            self.files.make_folder(folder / "device")
            self.files.link(folder / "device" / "driver", Path(f"/sys/bus/vmbus/drivers/{driver}"))
        self.servers[name] = server
        self.connected[name] = connected
        self.states[name] = LinkState(index=next(self._indexes), name=name, changes=0)
        self._show(name, up)

    def remove(self, name: str) -> None:
        """Take a NIC out."""
        with by_the_kernel(self.files):
            self.files.remove(NETS / name)
        self.servers.pop(name, None)
        state = self.states.pop(name, None)
        if state is not None:
            self._tell(replace(state, present=False, up=False, connected=False))

    def plug(self, name: str, connected: bool) -> None:
        """Plug a NIC's cable in, or pull it."""
        self.connected[name] = connected
        with by_the_kernel(self.files):
            self._show(name, self.states[name].up)

    def changes(self) -> FakeLinkNews:
        """News of the NICs from now on."""
        self.open += 1
        heard = FakeLinkNews(self)
        self.news.append(heard)
        return heard

    def set_up(self, interface: str, up: bool) -> None:
        """Bring a link up or down. Raises: HostError."""
        if interface not in self.servers:
            raise HostError(f"cannot bring {interface} {'up' if up else 'down'}: No such device")
        self.brought.append((interface, up))
        self._show(interface, up)

    def _show(self, interface: str, up: bool) -> None:
        folder = NETS / interface
        self.files.replace(folder / "flags", f"{_BROADCAST | (_UP if up else 0):#x}\n".encode())
        if up:
            self.files.replace(folder / "carrier", b"1\n" if self.connected[interface] else b"0\n")
        else:
            self.files.remove(folder / "carrier")
        before = self.states[interface]
        connected = up and self.connected[interface]
        changes = (before.changes or 0) + (connected != before.connected)
        self._tell(replace(before, up=up, connected=connected, changes=changes))

    def _tell(self, state: LinkState) -> None:
        if state.present:
            self.states[state.name] = state
        for each in self.news:
            each.hear(state)

    def open_wire(self, interface: str) -> FakeWire:
        """A NIC's Ethernet. Raises: HostError."""
        if interface in self.broken or interface not in self.servers:
            reason = self.broken.get(interface, "No such device")
            raise HostError(f"cannot open the wire of {interface}: {reason}")
        self.open += 1
        return FakeWire(self, interface)


class FakeLinkNews:
    """What was told and not yet heard."""

    def __init__(self, links: FakeLinks) -> None:
        self._links = links
        self._waiting = deque(links.states.values())

    def hear(self, state: LinkState) -> None:
        """Something has changed."""
        if self._links.lossy and state.present:
            self._waiting = deque(each for each in self._waiting if each.index != state.index)
        self._waiting.append(state)

    def next(self, timeout: float) -> LinkState | None:
        """The next NIC that is there or has changed; time passes until there is one."""
        self._links.clock.wait(timeout, lambda: bool(self._waiting))
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """Hear no more news."""
        self._links.news.remove(self)
        self._links.open -= 1


class FakeWire:
    """Packets in flight, each with its moment."""

    def __init__(self, links: FakeLinks, interface: str) -> None:
        self._links = links
        self._interface = interface
        self._arriving: list[tuple[float, int, bytes]] = []
        self._numbers = itertools.count()

    def send(self, payload: bytes, *, source: IPv4Address | None = None) -> None:
        """Give a packet to what is behind the NIC. Raises: HostError."""
        del source
        server = self._links.servers.get(self._interface)
        if server is None:
            raise HostError(f"cannot send on {self._interface}: Network is down")
        now = self._links.clock.monotonic()
        for delay, answer in server(payload):
            heapq.heappush(self._arriving, (now + delay, next(self._numbers), answer))

    def receive(self, timeout: float) -> bytes | None:
        """The next packet; time passes until it comes. Raises: HostError."""
        clock = self._links.clock
        end = clock.monotonic() + timeout
        if self._arriving and self._arriving[0][0] <= end:
            moment, _, packet = heapq.heappop(self._arriving)
            clock.sleep(max(0.0, moment - clock.monotonic()))
            return packet
        clock.sleep(timeout)
        return None

    def close(self) -> None:
        """Let go of it."""
        self._links.open -= 1
