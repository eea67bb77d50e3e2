"""IPv4 and UDP around a DHCP message, for a client that has no address yet. Source: RFC 791, RFC 768."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from limpet.wire.dhcp import CLIENT_PORT, SERVER_PORT

NOBODY, EVERYBODY = IPv4Address(0), IPv4Address("255.255.255.255")

_IP = struct.Struct("!BBHHHBBH4s4s")
_UDP = struct.Struct("!HHHH")
_VERSION_AND_LENGTH = 0x45
_UDP_PROTOCOL = 17
_LIFE = 64
_LOW_DELAY = 0x10
_FRAGMENT = 0x3FFF  # more fragments, or an offset


def packet(payload: bytes, source: IPv4Address = NOBODY) -> bytes:
    """An IPv4 packet that takes `payload` from port 68 to port 67 of everybody. Raises: ValueError, when it is too long."""
    length = _UDP.size + len(payload)
    if _IP.size + length > 0xFFFF:
        raise ValueError("too long for one packet")
    udp = _UDP.pack(CLIENT_PORT, SERVER_PORT, length, 0)
    total = checksum(_pseudo(source.packed, EVERYBODY.packed, length) + udp + payload) or 0xFFFF
    udp = _UDP.pack(CLIENT_PORT, SERVER_PORT, length, total)
    fields = (_VERSION_AND_LENGTH, _LOW_DELAY, _IP.size + length, 0, 0, _LIFE, _UDP_PROTOCOL)
    head = _IP.pack(*fields, 0, source.packed, EVERYBODY.packed)
    return _IP.pack(*fields, checksum(head), source.packed, EVERYBODY.packed) + udp + payload


def payload_of(packet: bytes, *, checked: bool = True) -> bytes | None:
    """What a packet brings to port 68; None for every other packet, for fragments, and for one whose sums are wrong.

    checked: whether its UDP checksum is complete; that of a packet from this very host may not be yet.
    """
    if len(packet) < _IP.size:
        return None
    version, _, total, _, fragment, _, protocol, _, source, destination = _IP.unpack_from(packet)
    head = (version & 0xF) * 4
    if version >> 4 != 4 or head < _IP.size or protocol != _UDP_PROTOCOL or fragment & _FRAGMENT:
        return None
    if not head + _UDP.size <= total <= len(packet) or checksum(packet[:head]):
        return None
    datagram = packet[head:total]
    sender, receiver, length, total_sum = _UDP.unpack_from(datagram)
    if sender != SERVER_PORT or receiver != CLIENT_PORT or not _UDP.size <= length <= len(datagram):
        return None
    datagram = datagram[:length]
    if checked and total_sum and checksum(_pseudo(source, destination, length) + datagram):
        return None
    return datagram[_UDP.size :]


def checksum(content: bytes) -> int:
    """The Internet checksum (RFC 1071): 0 over something that holds its own."""
    if len(content) % 2:
        content += b"\0"
    total: int = sum(struct.unpack(f"!{len(content) // 2}H", content))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _pseudo(source: bytes, destination: bytes, length: int) -> bytes:
    return source + destination + struct.pack("!BBH", 0, _UDP_PROTOCOL, length)
