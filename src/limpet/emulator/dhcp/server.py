"""The DHCP server's socket on one interface: packets in, answers out, faults applied, everything recorded."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.emulator.dhcp import answers, lies
from limpet.emulator.exchange import Call, Service
from limpet.emulator.routes.table import UNKNOWN
from limpet.emulator.world.ledger import Entry
from limpet.model.errors import MalformedDocument
from limpet.wire.dhcp import CLIENT_PORT, SERVER_PORT, parse_dhcp_message

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from limpet.emulator.fabric import Fabric
    from limpet.emulator.faults import Fault
    from limpet.model.network import DhcpMessage

LARGEST_PACKET = 4096
MOST_PENDING = 256
"""Answers that wait for their delay; more requests than that are not answered."""
IP_PKTINFO = 8
"""Of Linux; Python 3.11 has no name for it. Source: ip(7)."""
BROADCAST = "255.255.255.255"
_PACKET_INFO = struct.Struct("=I4s4s")  # interface, source address, destination address


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sent:
    """How an exchange ended. kind: of the proper answer."""

    kind: int | None
    size: int
    remarks: tuple[str, ...]


class DhcpServer:
    """Serves the VMs of a fabric on one interface of this network namespace. Raises: OSError, from `open`."""

    def __init__(self, fabric: Fabric, interface: str, *, port: int = SERVER_PORT) -> None:
        self.interface = interface
        self.port = port
        self._fabric = fabric
        self._socket: socket.socket | None = None
        self._pending: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        """Whether it hears anything."""
        return self._socket is not None

    def open(self) -> None:
        """Begin to listen. Raises: OSError, naming the interface."""
        if self._socket is not None:
            return
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, os.fsencode(self.interface) + b"\0")
            made.bind(("", self.port))
        except OSError as error:
            made.close()
            raise OSError(f"cannot listen on {self.interface} for dhcp: {error}") from error
        self.port = made.getsockname()[1]
        self._socket = made
        asyncio.get_running_loop().add_reader(made.fileno(), self._readable)

    def close(self) -> None:
        """Hear nothing any more, and forget the answers that wait."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        for task in self._pending:
            task.cancel()

    def _readable(self) -> None:
        while self._socket is not None:
            try:
                packet, source = self._socket.recvfrom(LARGEST_PACKET)
            except OSError:
                return
            if len(self._pending) >= MOST_PENDING:
                return
            task = asyncio.get_running_loop().create_task(self._received(packet, source[0], source[1]))
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)

    async def _received(self, packet: bytes, source: str, port: int) -> None:
        at, started = self._fabric.clock.now(), self._fabric.clock.elapsed()
        fault: Fault | None = None
        try:
            message = parse_dhcp_message(packet)
        except MalformedDocument as error:
            call = Call(service=Service.DHCP, source=source, method="?", target="?", body=packet)
            name, sent = UNKNOWN, _Sent(kind=None, size=0, remarks=(str(error),))
        else:
            name, call = answers.endpoint_of(message) or UNKNOWN, self._call(message, packet)
            fault = self._fabric.fault_for(name, call)
            if fault is not None and fault.delay:
                await asyncio.sleep(fault.delay)
            try:
                sent = self._answered(message, fault, port)
            except Exception as error:  # noqa: BLE001 - a defect must not look like a silent network
                problem = f"defect of the emulator: {type(error).__name__}: {error}"
                sent = _Sent(kind=None, size=0, remarks=(problem,))
        self._record(call, name, sent, at=at, seconds=self._fabric.clock.elapsed() - started, fault=fault)

    def _answered(self, message: DhcpMessage, fault: Fault | None, port: int) -> _Sent:
        answer = self._fabric.serve_dhcp(message)
        proper, size = answer.message, 0
        if proper is None:
            return _Sent(kind=None, size=0, remarks=answer.remarks)
        to = answers.destination(message, proper)
        sent = lies.payloads(proper, fault)
        for payload in sent:
            # Clients behind port 68 hear answers there; a relay or a test has another port.
            self._send(payload, to, CLIENT_PORT if to is None else port)
            size += len(payload)
        return _Sent(kind=proper.kind if sent else None, size=size, remarks=answer.remarks)

    def _send(self, payload: bytes, to: IPv4Address | None, port: int) -> None:
        if self._socket is None:
            return
        target = (BROADCAST if to is None else str(to), port)
        # From the platform's address, where this machine has it: a client that renews expects it there.
        info = (socket.IPPROTO_IP, IP_PKTINFO, _PACKET_INFO.pack(0, answers.SERVER.packed, bytes(4)))
        try:
            self._socket.sendmsg([payload], [info], 0, target)
        except OSError:
            with suppress(OSError):  # as a datagram is lost
                self._socket.sendto(payload, target)

    def _call(self, message: DhcpMessage, packet: bytes) -> Call:
        """The message as a call, so that rules and the ledger see it like any other."""
        found = self._fabric.world.with_mac(answers.mac_of(message))
        kind = answers.kind_of(message)
        said = {
            "host-name": message.host_name,
            "requested-address": message.requested_address,
            "client-address": message.client_address,
            "server": message.server,
            "requested-options": ", ".join(map(str, message.requested_options)),
        }
        return Call(
            service=Service.DHCP,
            source=found[0].address if found else message.hardware_address.hex(":"),
            method=kind.name if kind else "?",
            target=f"/{message.hardware_address.hex(':')}",
            headers=tuple((name, str(value)) for name, value in said.items() if value),
            body=packet,
        )

    def _record(
        self, call: Call, name: str, sent: _Sent, *, at: float, seconds: float, fault: Fault | None
    ) -> None:
        vm = self._fabric.world.at(call.source)
        self._fabric.record(
            Entry(
                id=0,
                at=at,
                vm=vm.name if vm else None,
                service=Service.DHCP,
                endpoint=name,
                method=call.method,
                target=call.target,
                headers=call.headers,
                body=b"",  # it is not text
                body_size=len(call.body),
                status=sent.kind,
                reply_size=sent.size,
                fault=fault.describe() if fault else None,
                remarks=sent.remarks,
                seconds=seconds,
                source=call.source,
            )
        )
