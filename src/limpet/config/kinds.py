"""The kinds of values that settings have: switches, durations, addresses, lists and so on. Pure.

A kind says how a value is written in limpet.toml and in waagent.conf, and what is wrong with one that cannot be used, in words that
go on after "must be".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T_co = TypeVar("T_co", covariant=True)

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_LONGEST_TEXT = 4096
_SWITCH_WORDS = {"y": True, "yes": True, "true": True, "n": False, "no": False, "false": False}


def shown(value: object) -> str:
    """A value as people write it."""
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind(Generic[T_co]):
    """One kind of value.

    describe: what may be written, for people. accept: takes a TOML value; raises ValueError with a sentence that
    goes on after "must be". decode: makes of plain text (waagent.conf, an option) what TOML would have given.
    render: writes a value as waagent.conf has it. optional: whether waagent.conf's ``None`` is a value, that of absence.
    otherwise: what waagent.conf's own agent takes every other word for, where that is not the default.
    """

    describe: str
    accept: Callable[[object], T_co]
    decode: Callable[[str], object] = str
    render: Callable[[Any], str] = shown
    optional: bool = False
    otherwise: T_co | None = None

    def read(self, value: object) -> T_co:
        """Give the value in use. Raises: ValueError, with what is expected and what is there."""
        try:
            return self.accept(value)
        except ValueError as error:
            shown = repr(value)
            raise ValueError(f"must be {error}, not {shown[:80]}") from error


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(SWITCH.describe)  # noqa: TRY004 - every wrong value is one kind of error here
    return value


def _switch_word(text: str) -> object:
    return _SWITCH_WORDS.get(text.lower(), text)


def _y_or_n(value: object) -> str:
    return "y" if value else "n"


SWITCH = Kind(describe="true or false", accept=_switch, decode=_switch_word, render=_y_or_n)


# What waagent.conf calls Protocol.EndpointDiscovery: "dhcp" (look at leases) or "static".
def _discovery(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(DISCOVERY.describe)  # noqa: TRY004 - every wrong value is one kind of error here
    return value


DISCOVERY = Kind(
    describe="true or false, in waagent.conf dhcp or static",
    accept=_discovery,
    decode=lambda text: {"dhcp": True, "static": False}.get(text.lower(), _switch_word(text)),
    render=lambda value: "dhcp" if value else "static",
)


def _number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def seconds(lowest: float, highest: float) -> Kind[float]:
    """A duration."""
    describe = f"a number of seconds from {lowest:g} to {highest:g}"

    def accept(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
            raise ValueError(describe)
        return float(value)

    return Kind(describe=describe, accept=accept, decode=_number)


def _port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise ValueError(PORT.describe)
    return value


PORT = Kind(describe="a port from 1 to 65535", accept=_port, decode=_number)


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TEXT or not value.isprintable():
        raise ValueError(TEXT.describe)
    return value


TEXT = Kind(describe="text", accept=_text)


def _path(value: object) -> Path:
    if not isinstance(value, str) or not value.startswith("/") or not value.isprintable():
        raise ValueError(PATH.describe)
    # Two slashes before it are another path than one to everybody but the kernel.
    return Path(f"/{value.lstrip('/')}")


PATH = Kind(describe="an absolute path", accept=_path)


def _host(value: object) -> str:
    if not isinstance(value, str) or _HOST.match(value) is None:
        raise ValueError(HOST.describe)
    return value


HOST = Kind(describe="an IPv4 address or a host name, without scheme and port", accept=_host)


def _address(value: object) -> str:
    if not isinstance(value, str) or not _is_address(value):
        raise ValueError(ADDRESS.describe)
    return value


ADDRESS = Kind(describe="an IPv4 address, without scheme and port", accept=_address)
"""Of the fabric: names are not looked up there, for a resolver may be asked only once the network is known."""


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _authority(value: object) -> str:
    if isinstance(value, str):
        address, colon, port = value.partition(":")
        if _is_address(address) and (not colon or (port.isdecimal() and 1 <= int(port[:6]) <= 65535)):
            return value
    raise ValueError(AUTHORITY.describe)


AUTHORITY = Kind(describe="an IPv4 address, with :port where it is not the usual one", accept=_authority)


def _port_address(value: object) -> str:
    try:
        found = IPv4Interface(value) if isinstance(value, str) and "/" in value else None
    except ValueError:
        found = None
    if found is None or not 8 <= found.network.prefixlen <= 30 or not _is_of_a_host(found):
        raise ValueError(PORT_ADDRESS.describe)
    return str(found)


def _is_of_a_host(found: IPv4Interface) -> bool:
    """Whether a port can have it: 169.254.0.0/16 is the platform's, and so is 168.63.129.16."""
    network = found.network
    return (
        found.ip not in {network.network_address, network.broadcast_address}
        and not (found.is_multicast or found.is_loopback or found.is_unspecified or found.is_reserved)
        and not any(network.overlaps(each) for each in _PLATFORM)
    )


_PLATFORM = (IPv4Network("168.63.129.16/32"), IPv4Network("169.254.0.0/16"))
PORT_ADDRESS = Kind(describe="an IPv4 address with its prefix, such as 192.168.35.1/24", accept=_port_address)


def _addresses(value: object) -> str:
    try:
        found = [IPv4Address(each.strip()) for each in value.split(",")] if isinstance(value, str) else []
    except ValueError:
        found = []
    if not found:
        raise ValueError(ADDRESSES.describe)
    return ",".join(map(str, found))


ADDRESSES = Kind(describe="IPv4 addresses, separated by commas", accept=_addresses)


def whole(lowest: int, highest: int, unit: str = "") -> Kind[int]:
    """A whole number; `unit` is for people."""
    describe = f"a whole number{unit and f' of {unit}'} from {lowest} to {highest}"

    def accept(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(describe)
        return value

    return Kind(describe=describe, accept=accept, decode=_number)


def whole_or_none(highest: int, unit: str = "") -> Kind[int | None]:
    """A whole number, where 0 is none at all."""
    number = whole(0, highest, unit)
    return Kind(
        describe=f"{number.describe}; 0 is none",
        accept=lambda value: number.accept(value) or None,
        decode=_number,
        optional=True,
    )


def choice(*words: str, aliases: Mapping[str, str] | None = None, otherwise: str | None = None) -> Kind[str]:
    """One of some words, in any case. aliases: what waagent.conf says for one of them. otherwise: see `Kind`."""
    describe = f"one of {', '.join(words)}"

    def accept(value: object) -> str:
        if not isinstance(value, str) or value.lower() not in words:
            raise ValueError(describe)
        return value.lower()

    def decode(text: str) -> object:
        return (aliases or {}).get(text.lower(), text)

    def render(value: str) -> str:
        return next((theirs for theirs, ours in (aliases or {}).items() if ours == value), value)

    return Kind(describe=describe, accept=accept, decode=decode, render=render, otherwise=otherwise)


def words(*allowed: str, aliases: Mapping[str, str] | None = None) -> Kind[tuple[str, ...]]:
    """Some of the allowed words, as a TOML array or separated by commas."""
    describe = f"some of {', '.join(allowed)}"

    def accept(value: object) -> tuple[str, ...]:
        found = value.split(",") if isinstance(value, str) else value
        if not isinstance(found, list):
            raise ValueError(describe)  # noqa: TRY004 - every wrong value is one kind of error here
        chosen = tuple(str(word).strip().lower() for word in found)
        if not chosen or not set(chosen) <= set(allowed):
            raise ValueError(describe)
        return chosen

    def decode(text: str) -> object:
        return (aliases or {}).get(text.lower(), text)

    return Kind(describe=describe, accept=accept, decode=decode)


def _names(value: object) -> tuple[str, ...]:
    found = value.split(",") if isinstance(value, str) else value
    if not isinstance(found, list):
        raise ValueError(NAMES.describe)  # noqa: TRY004 - every wrong value is one kind of error here
    names = tuple(str(name).strip() for name in found if str(name).strip())
    if not all(_NAME.match(name) for name in names):
        raise ValueError(NAMES.describe)
    return names


def _patterns(value: object) -> tuple[str, ...]:
    found = value.split(",") if isinstance(value, str) else value
    if not isinstance(found, list):
        raise ValueError(PATTERNS.describe)  # noqa: TRY004 - every wrong value is one kind of error here
    patterns = tuple(str(pattern).strip() for pattern in found if str(pattern).strip())
    if not all(_PATTERN.match(pattern) for pattern in patterns):
        raise ValueError(PATTERNS.describe)
    return patterns


_PATTERN = re.compile(r"[A-Za-z0-9_.*?-]{1,200}\Z")
PATTERNS = Kind(describe="names in which * and ? stand for others, separated by commas", accept=_patterns)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\Z")
NAMES = Kind(describe="names, separated by commas", accept=_names)


def _texts(value: object) -> tuple[str, ...]:
    """Plain text, as of an option, is one."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list):
        raise ValueError(TEXTS.describe)  # noqa: TRY004 - every wrong value is one kind of error here
    if len(found) > _MOST_TEXTS or not all(
        isinstance(each, str) and 0 < len(each) <= _LONGEST_TEXT and each.isprintable() for each in found
    ):
        raise ValueError(TEXTS.describe)
    return tuple(found)


_MOST_TEXTS = 256
TEXTS = Kind(describe="texts, as a TOML array", accept=_texts)
