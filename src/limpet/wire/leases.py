"""Lease files of DHCP clients: ISC's dhclient and systemd-networkd. Source: wire-protocol.md §1.5, guest-setup.md §B.4."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING

from limpet.model.errors import MalformedDocument
from limpet.model.network import Lease
from limpet.wire.http import MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

DOCUMENT = "lease file"
LARGEST = MIB

# dhclient writes an option it has no name for as unknown-N; OpenBSD's writes option-N.
_WIRE_SERVER_NAMES = frozenset({"unknown-245", "option-245"})
_TOKEN = re.compile(r'#[^\n]*|"(?:[^"\\]|\\.)*"|[{};"]|[^\s{};"#]+', re.DOTALL)
_HEX_PAIRS = re.compile(r"[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){3}\Z")
_HEX_WORD = re.compile(r"[0-9A-Fa-f]{8}\Z")
_ESCAPE = re.compile(r"\\([0-7]{3}|.)", re.DOTALL)


def parse_isc_leases(content: bytes) -> tuple[Lease, ...]:
    """Read a dhclient file, oldest lease first.

    The client appends to the file, so what is not complete, or has no usable ``expire``, is left out.
    Raises: MalformedDocument, only for a file larger than 1 MiB.
    """
    return tuple(lease for statements in _blocks(_text(content)) for lease in _lease(statements))


def parse_networkd_lease(content: bytes) -> Lease:
    """Read a systemd-networkd lease; such a file exists only while its lease holds.

    Raises: MalformedDocument, only for a file larger than 1 MiB.
    """
    values = dict(
        line.split("=", 1) for line in _text(content).splitlines() if "=" in line and not line.startswith("#")
    )
    option = values.get("OPTION_245", "").strip()
    return Lease(
        address=_address(values.get("ADDRESS", "").strip()),
        wire_server=_somewhere(bytes.fromhex(option)) if _HEX_WORD.match(option) else None,
        routers=_addresses(values.get("ROUTER", "").split()),
    )


def wire_server_of(leases: Iterable[Lease], now: float) -> IPv4Address | None:
    """The wire server of the last lease that names one and holds at `now` (seconds since 1970)."""
    found = None
    for lease in leases:
        if lease.wire_server is not None and (lease.expires is None or lease.expires > now):
            found = lease.wire_server
    return found


def _text(content: bytes) -> str:
    if len(content) > LARGEST:
        raise MalformedDocument(DOCUMENT, f"it is larger than {LARGEST} bytes")
    return content.decode("utf-8", "replace")


def _blocks(text: str) -> Iterator[list[list[str]]]:
    """Give the statements of each complete ``lease { … }``, without those of blocks inside it."""
    depth = 0
    statement: list[str] = []
    block: list[list[str]] | None = None
    for word in _TOKEN.findall(text):
        if word.startswith("#"):
            continue
        if word == '"':  # a text that does not end: nothing after it can be trusted
            return
        if word == "{":
            if depth == 0:
                block = [] if statement == ["lease"] else None
            depth += 1
            statement = []
        elif word == "}":
            depth = max(depth - 1, 0)
            if depth == 0 and block is not None:
                yield block
                block = None
            statement = []
        elif word == ";":
            if depth == 1 and block is not None:
                block.append(statement)
            statement = []
        else:
            statement.append(word)


def _lease(statements: Sequence[Sequence[str]]) -> Iterator[Lease]:
    lease = Lease()
    expires: float | None = 0.0
    for statement in statements:
        match statement:
            case ["interface", name]:
                lease = replace(lease, interface=name.strip('"'))
            case ["fixed-address", address]:
                lease = replace(lease, address=_address(address))
            case ["option", name, value] if name in _WIRE_SERVER_NAMES:
                lease = replace(lease, wire_server=_option_address(value))
            case ["option", "routers", *routers]:
                lease = replace(lease, routers=_addresses(word.rstrip(",") for word in routers))
            case ["expire", *when]:
                expires = _expiry(when)
            case _:
                pass
    if expires != 0.0:
        yield replace(lease, expires=expires)


def _expiry(when: Sequence[str]) -> float | None:
    """None for an endless lease, 0 for one whose end cannot be read."""
    match when:
        case ["never"] | [_, "never"]:
            return None
        case ["epoch", seconds] if seconds.isascii() and seconds.isdigit() and len(seconds) < 16:
            return float(seconds)
        case [_, date, time] | [_, date, time, "UTC"]:  # OpenBSD's client says which zone it is
            try:
                moment = datetime.strptime(f"{date} {time}", "%Y/%m/%d %H:%M:%S")  # noqa: DTZ007 - zone is added
            except ValueError:
                return 0.0
            return moment.replace(tzinfo=UTC).timestamp()
        case _:
            return 0.0


def _option_address(value: str) -> IPv4Address | None:
    """Read four bytes as dhclient writes them: in hexadecimal, or as text where all of them are printable."""
    if _HEX_PAIRS.match(value):
        return _somewhere(bytes(int(pair, 16) for pair in value.split(":")))
    if not value.startswith('"'):
        return None
    raw = _ESCAPE.sub(lambda found: chr(int(found[1], 8)) if len(found[1]) == 3 else found[1], value[1:-1])
    try:
        return _somewhere(raw.encode("latin-1"))
    except (UnicodeEncodeError, AddressValueError):
        return None


def _somewhere(packed: bytes) -> IPv4Address | None:
    """An address; none where it is all zeros, which would be this machine itself."""
    return IPv4Address(packed) if any(packed) else None


def _addresses(words: Iterable[str]) -> tuple[IPv4Address, ...]:
    return tuple(address for address in map(_address, words) if address is not None)


def _address(text: str) -> IPv4Address | None:
    try:
        return IPv4Address(text)
    except AddressValueError:
        return None
