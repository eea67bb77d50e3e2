"""The NICs of this machine: the Links port."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from limpet.host.clock import Deadline
from limpet.model.errors import HostError
from limpet.wire import dhcppacket

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from limpet.host.ports import LinkNews

_GET_FLAGS, _SET_FLAGS = 0x8913, 0x8914
_UP = 0x1
_INTERFACE_REQUEST = struct.Struct("16sH14x")
_LONGEST_NAME = 15
_IP = 0x0800
_EVERYBODY = b"\xff" * 6
_PACKET, _AUXILIARY = 263, 8  # SOL_PACKET, PACKET_AUXDATA
_STATUS = struct.Struct("I")
_CHECKSUM_NOT_READY = 0x8
_LARGEST = 65536


class RealLinks:
    """The links of this network namespace. It needs CAP_NET_RAW and CAP_NET_ADMIN."""

    def open_wire(self, interface: str) -> RealWire:
        """A NIC's Ethernet. Raises: HostError."""
        return RealWire(interface)

    def set_up(self, interface: str, up: bool) -> None:
        """Bring a link up or down, and nothing else. Raises: HostError."""
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
                name = _name(interface)
                request = _INTERFACE_REQUEST.pack(name, 0)
                flags = _INTERFACE_REQUEST.unpack(fcntl.ioctl(control, _GET_FLAGS, request))[1]
                wanted = flags | _UP if up else flags & ~_UP
                if wanted != flags:
                    fcntl.ioctl(control, _SET_FLAGS, _INTERFACE_REQUEST.pack(name, wanted))
        except OSError as error:
            raise HostError(f"cannot bring {interface} {'up' if up else 'down'}: {error.strerror}") from error

    def changes(self) -> LinkNews:
        """News of the NICs from now on. Raises: HostError."""
        from limpet.host.link_news import RealLinkNews  # noqa: PLC0415 - only VMs of a pool wait for news

        return RealLinkNews()


class RealWire:
    """A packet socket: it works before there is an address, and takes port 68 from nobody."""

    def __init__(self, interface: str) -> None:
        """Raises: HostError."""
        self._interface = interface
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
            try:
                self._socket.setblocking(False)
                self._socket.setsockopt(_PACKET, _AUXILIARY, 1)
                self._socket.bind((_name(interface).decode(), _IP))
            except OSError:
                self._socket.close()
                raise
        except OSError as error:
            raise HostError(f"cannot open the wire of {interface}: {error.strerror}") from error

    def send(self, payload: bytes, *, source: IPv4Address | None = None) -> None:
        """Broadcast `payload` in a UDP packet from port 68 to port 67. Raises: HostError."""
        packet = dhcppacket.packet(payload, source or dhcppacket.NOBODY)
        try:
            self._socket.sendto(packet, (self._interface, _IP, 0, 0, _EVERYBODY))
        except BlockingIOError:
            return  # as a packet is lost
        except OSError as error:
            raise HostError(f"cannot send on {self._interface}: {error.strerror}") from error

    def receive(self, timeout: float) -> bytes | None:
        """The payload of the next UDP packet for port 68; None when none came in `timeout` seconds. Raises: HostError."""
        deadline = Deadline(max(0.0, timeout))
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while True:
            if not poll.poll(deadline.left() * 1000):
                return None
            payload = self._next()
            if payload is not None or deadline.over:  # other traffic must not hold us
                return payload

    def _next(self) -> bytes | None:
        try:
            packet, auxiliary, _, _ = self._socket.recvmsg(_LARGEST, 256)
        except BlockingIOError:
            return None
        except OSError as error:
            raise HostError(f"cannot receive on {self._interface}: {error.strerror}") from error
        complete = True
        for level, kind, data in auxiliary:
            if (level, kind) == (_PACKET, _AUXILIARY) and len(data) >= _STATUS.size:
                complete = not _STATUS.unpack_from(data)[0] & _CHECKSUM_NOT_READY
        return dhcppacket.payload_of(packet, checked=complete)

    def close(self) -> None:
        """Let go of it."""
        with suppress(OSError):
            self._socket.close()


def _name(interface: str) -> bytes:
    name = os.fsencode(interface)
    if not 0 < len(name) <= _LONGEST_NAME or b"/" in name or b"\0" in name:
        raise OSError(19, "No such device")
    return name
