"""What the kernel tells of NICs over netlink: the little of rtnetlink(7) that noticing a pulled cable needs.

Numbers are in the machine's own byte order.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from limpet.model.errors import MalformedDocument
from limpet.model.network import LinkState

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = "netlink message"
LARGEST = 256 * 1024
"""Bytes of one read; a NIC with many virtual functions fills some of them."""
LINKS = 1
"""The multicast group of news about NICs, RTMGRP_LINK, as bind() takes it."""

_HEAD = struct.Struct("=IHHII")  # length, type, flags, sequence, sender
_INTERFACE = struct.Struct("=BxHiII")  # family, type, index, flags, change
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_NUMBER = struct.Struct("=I")
_ERROR, _DONE, _NEW, _DELETED, _GET = 2, 3, 16, 17, 18
_REQUEST, _DUMP, _INTERRUPTED = 0x1, 0x300, 0x10
_ANY_FAMILY = 0
_UP, _CARRIER = 0x1, 0x10000
_NAME, _OPERATION, _CHANGES, _MASK = 3, 16, 35, 29
_SKIP_STATISTICS = 0x8
_UNKNOWN, _WORKING = 0, 6
_TYPE = 0x3FFF
_LONGEST_NAME = 16


def everything_request(sequence: int) -> bytes:
    """Ask for every NIC; the answer ends with `End`."""
    mask = _ATTRIBUTE.pack(_ATTRIBUTE.size + _NUMBER.size, _MASK) + _NUMBER.pack(_SKIP_STATISTICS)
    body = _INTERFACE.pack(_ANY_FAMILY, 0, 0, 0, 0) + mask
    return _HEAD.pack(_HEAD.size + len(body), _GET, _REQUEST | _DUMP, sequence, 0) + body


class End:
    """The end of an answer. complete: False when NICs came or went while it was made."""

    __slots__ = ("complete",)

    def __init__(self, *, complete: bool) -> None:
        self.complete = complete


def parse_links(data: bytes) -> tuple[LinkState | End, ...]:
    """The NICs of one read, in order. Messages about other things, and members that are not known, are passed over.

    Raises: MalformedDocument, also when the kernel refuses to answer.
    """
    found: list[LinkState | End] = []
    for kind, flags, body in _messages(data):
        if kind == _DONE:
            found.append(End(complete=not flags & _INTERRUPTED))
        elif kind == _ERROR and any(body[: _NUMBER.size]):  # without a number it is an acknowledgement
            raise MalformedDocument(DOCUMENT, "the kernel refuses to name the NICs")
        elif kind in {_NEW, _DELETED} and (link := _link(body, present=kind == _NEW)) is not None:
            found.append(link)
    return tuple(found)


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at < len(data):
        if len(data) - at < _HEAD.size:
            raise MalformedDocument(DOCUMENT, f"{len(data) - at} bytes after the last message")
        length, kind, flags, _, _ = _HEAD.unpack_from(data, at)
        if not _HEAD.size <= length <= len(data) - at:
            raise MalformedDocument(DOCUMENT, f"a message of {length} bytes in {len(data) - at}")
        yield kind, flags, data[at + _HEAD.size : at + length]
        at += _padded(length)


def _link(body: bytes, *, present: bool) -> LinkState | None:
    if len(body) < _INTERFACE.size:
        raise MalformedDocument(DOCUMENT, f"a NIC in {len(body)} bytes")
    family, _, index, flags, _ = _INTERFACE.unpack_from(body)
    # A port that leaves a bridge is told of as deleted too, in the bridge's family: the NIC stays.
    if family != _ANY_FAMILY:
        return None
    members = dict(_attributes(body[_INTERFACE.size :]))
    name = members.get(_NAME, b"")[:_LONGEST_NAME].partition(b"\0")[0].decode("utf-8", "replace")
    working = members.get(_OPERATION, b"\0")[:1] in {bytes([_UNKNOWN]), bytes([_WORKING])}
    changes = members.get(_CHANGES, b"")
    return LinkState(
        index=index,
        name=name,
        present=present,
        up=bool(flags & _UP),
        # "Down" and "lower layer down" are both no connection.
        connected=present and bool(flags & _CARRIER) and working,
        changes=_NUMBER.unpack(changes)[0] if len(changes) == _NUMBER.size else None,
    )


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while len(data) - at >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if not _ATTRIBUTE.size <= length <= len(data) - at:
            raise MalformedDocument(DOCUMENT, f"a member of {length} bytes in {len(data) - at}")
        yield kind & _TYPE, data[at + _ATTRIBUTE.size : at + length]
        at += _padded(length)


def _padded(length: int) -> int:
    return (length + 3) & ~3
