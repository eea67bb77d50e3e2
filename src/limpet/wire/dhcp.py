"""DHCP messages: bytes to `DhcpMessage` and back. Source: RFC 2131, 2132, 3396, 3442; wire-protocol.md §1.4."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from limpet.model.errors import MalformedDocument
from limpet.model.network import DhcpMessage, Route
from limpet.wire.dhcproutes import classful_routes, pack_routes, unpack_routes

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENT = "DHCP message"
CLIENT_PORT, SERVER_PORT = 68, 67

SUBNET_MASK, ROUTERS, DNS_SERVERS, HOST_NAME, DOMAIN_NAME = 1, 3, 6, 12, 15
STATIC_ROUTES, REQUESTED_ADDRESS, LEASE_SECONDS, OVERLOAD, KIND, SERVER = 33, 50, 51, 52, 53, 54
REQUESTED_OPTIONS, CLIENT_IDENTIFIER, CLASSLESS_ROUTES = 55, 61, 121
WIRE_SERVER, MICROSOFT_ROUTES = 245, 249

_PAD, _END = 0, 255
_COOKIE = b"\x63\x82\x53\x63"
# op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr, sname, file, cookie
_HEADER = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
_OVERLOADS = ((1, slice(108, 236)), (2, slice(44, 108)))
"""Bits of option 52, and the field of the header that has more options then: file, sname. Source: RFC 2131 §4.1."""
_REQUEST, _REPLY = 1, 2
_ETHERNET = 1
_BROADCAST = 0x8000
_LARGEST = 65507  # what a UDP datagram can hold
_SMALLEST = 300  # relays may drop shorter BOOTP messages (RFC 1542 §2.1)


def parse_dhcp_message(packet: bytes) -> DhcpMessage:
    """Read a message.

    Options this code does not know are skipped, and so are addresses of zero and text that is not UTF-8. An option that
    runs over the end, a missing end, or a known option of an impossible length refuse the whole message.
    Raises: MalformedDocument.
    """
    if not _HEADER.size <= len(packet) <= _LARGEST:
        raise MalformedDocument(DOCUMENT, f"{len(packet)} bytes are not a DHCP message")
    (
        operation, hardware, hardware_length, _hops, transaction, _seconds, flags,
        client, yours, _server, _relay, hardware_address, _name, _file, cookie,
    ) = _HEADER.unpack_from(packet)  # fmt: skip
    if operation not in {_REQUEST, _REPLY}:
        raise MalformedDocument(DOCUMENT, f"operation {operation} at byte 0 is neither request nor reply")
    if cookie != _COOKIE:
        raise MalformedDocument(DOCUMENT, "no magic cookie at byte 236: this is not DHCP")
    if hardware != _ETHERNET or hardware_length != 6:
        raise MalformedDocument(DOCUMENT, "the hardware address at byte 1 is not an Ethernet address")
    options = _Options(_gathered(packet))
    return DhcpMessage(
        reply=operation == _REPLY,
        transaction=transaction,
        hardware_address=hardware_address[:hardware_length],
        kind=options.number(KIND, 1),
        broadcast=bool(flags & _BROADCAST),
        address=_address_or_none(yours),
        client_address=_address_or_none(client),
        requested_address=options.address(REQUESTED_ADDRESS),
        subnet_mask=options.address(SUBNET_MASK),
        routers=options.addresses(ROUTERS),
        dns_servers=options.addresses(DNS_SERVERS),
        host_name=options.text(HOST_NAME),
        domain_name=options.text(DOMAIN_NAME),
        lease_seconds=options.number(LEASE_SECONDS, 4),
        server=options.address(SERVER),
        routes=options.routes(),
        wire_server=_address_or_none(options.address_bytes(WIRE_SERVER)),
        requested_options=tuple(options.raw(REQUESTED_OPTIONS)),
        client_identifier=options.raw(CLIENT_IDENTIFIER) or None,
    )


def _gathered(packet: bytes) -> Mapping[int, bytes]:
    """All options; a server that has no room for them behind the header uses fields of the header too."""
    options: dict[int, bytes] = {}
    _split(packet, slice(_HEADER.size, len(packet)), options)
    overload = options.get(OVERLOAD, b"")
    for bit, field in _OVERLOADS:
        if len(overload) == 1 and overload[0] & bit:
            _split(packet, field, options)
    return options


def _split(packet: bytes, area: slice, options: dict[int, bytes]) -> None:
    """Cut the options of an area apart; parts of one option are joined in order (RFC 3396)."""
    packet, position = packet[: area.stop], area.start
    while position < len(packet):
        code = packet[position]
        if code == _END:
            return
        position += 1
        if code == _PAD:
            continue
        if position == len(packet):
            break
        start = position + 1
        position = start + packet[position]
        if position > len(packet):
            raise MalformedDocument(
                DOCUMENT,
                f"option {code} at byte {start - 2} says {position - start} bytes and runs over the end",
            )
        options[code] = options.get(code, b"") + packet[start:position]
    raise MalformedDocument(DOCUMENT, f"the options stop at byte {len(packet)} without an end")


class _Options:
    """Typed access to options, each complaint naming its option."""

    def __init__(self, options: Mapping[int, bytes]) -> None:
        self._options = options

    def raw(self, code: int) -> bytes:
        return self._options.get(code, b"")

    def number(self, code: int, size: int) -> int | None:
        value = self._of_size(code, size)
        return None if value is None else int.from_bytes(value, "big")

    def address_bytes(self, code: int) -> bytes:
        return self._of_size(code, 4) or b""

    def address(self, code: int) -> IPv4Address | None:
        value = self._of_size(code, 4)
        return None if value is None else IPv4Address(value)

    def addresses(self, code: int) -> tuple[IPv4Address, ...]:
        value = self.raw(code)
        if len(value) % 4:
            raise _wrong_length(code, value)
        return tuple(IPv4Address(value[start : start + 4]) for start in range(0, len(value), 4))

    def text(self, code: int) -> str | None:
        """Servers may end text with NULs (RFC 2132 §2)."""
        try:
            return self.raw(code).rstrip(b"\0").decode() or None
        except UnicodeDecodeError:
            return None

    def routes(self) -> tuple[Route, ...]:
        """Classless routes put the classful ones, and the router option's default, out of force (RFC 3442)."""
        for code in (CLASSLESS_ROUTES, MICROSOFT_ROUTES):
            value = self.raw(code)
            if value:
                return unpack_routes(value, f"option {code}", DOCUMENT)
        pairs = self.addresses(STATIC_ROUTES)
        if len(pairs) % 2:
            raise _wrong_length(STATIC_ROUTES, self.raw(STATIC_ROUTES))
        return classful_routes(pairs) + self._default(bool(pairs))

    def _default(self, beside_others: bool) -> tuple[Route, ...]:
        # Only classless routes put the router option out of force; classful ones have no default among them.
        routers = self.addresses(ROUTERS)[:1] if beside_others else ()
        return tuple(Route(destination=IPv4Network("0.0.0.0/0"), gateway=router) for router in routers)

    def _of_size(self, code: int, size: int) -> bytes | None:
        value = self._options.get(code)
        if value is not None and len(value) != size:
            raise _wrong_length(code, value)
        return value


def _wrong_length(code: int, value: bytes) -> MalformedDocument:
    return MalformedDocument(DOCUMENT, f"option {code} has {len(value)} bytes, which it cannot have")


def _address_or_none(value: bytes) -> IPv4Address | None:
    return IPv4Address(value) if any(value) else None


def render_dhcp_message(message: DhcpMessage) -> bytes:
    """Give a message's bytes.

    Routes go as option 121 and as 249: clients know one or the other. Padding comes only after the end, because real
    clients do not skip it before. Raises: ValueError, for a hardware address that is not Ethernet.
    """
    if len(message.hardware_address) != 6:
        raise ValueError("the hardware address is not 6 bytes long")
    header = _HEADER.pack(
        _REPLY if message.reply else _REQUEST, _ETHERNET, 6, 0, message.transaction, 0,
        _BROADCAST if message.broadcast else 0,
        _packed(message.client_address), _packed(message.address), bytes(4), bytes(4),
        message.hardware_address, b"", b"", _COOKIE,
    )  # fmt: skip
    options = b"".join(_option(code, value) for code, value in _values(message) if value)
    return (header + options + bytes([_END])).ljust(_SMALLEST, b"\0")


def _values(message: DhcpMessage) -> tuple[tuple[int, bytes], ...]:
    routes = pack_routes(message.routes)
    return (
        (KIND, _number(message.kind, 1)),
        (SERVER, _option_address(message.server)),
        (LEASE_SECONDS, _number(message.lease_seconds, 4)),
        (REQUESTED_ADDRESS, _option_address(message.requested_address)),
        (SUBNET_MASK, _option_address(message.subnet_mask)),
        (ROUTERS, b"".join(router.packed for router in message.routers)),
        (DNS_SERVERS, b"".join(server.packed for server in message.dns_servers)),
        (HOST_NAME, (message.host_name or "").encode()),
        (DOMAIN_NAME, (message.domain_name or "").encode()),
        (REQUESTED_OPTIONS, bytes(message.requested_options)),
        (CLIENT_IDENTIFIER, message.client_identifier or b""),
        (WIRE_SERVER, _option_address(message.wire_server)),
        (CLASSLESS_ROUTES, routes),
        (MICROSOFT_ROUTES, routes),
    )


def _option(code: int, value: bytes) -> bytes:
    parts = (value[start : start + 255] for start in range(0, len(value), 255))
    return b"".join(bytes([code, len(part)]) + part for part in parts)


def _number(value: int | None, size: int) -> bytes:
    return b"" if value is None else value.to_bytes(size, "big")


def _option_address(address: IPv4Address | None) -> bytes:
    return b"" if address is None else address.packed


def _packed(address: IPv4Address | None) -> bytes:
    return bytes(4) if address is None else address.packed
