"""How the DHCP server lies by rule: a table from a name to what is sent instead of the proper answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from limpet.emulator.dhcp.kinds import Kind
from limpet.wire.dhcp import render_dhcp_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.emulator.faults import Fault
    from limpet.model.network import DhcpMessage

GARBAGE = bytes(range(256)) * 4
REPETITIONS = 3
SHORT_LEASE = 20
OVERSIZED = 1400
"""Bytes of an answer that no client asked for; still one Ethernet frame."""
OTHER_SERVER = IPv4Address("192.0.2.1")
OTHER_ADDRESS = IPv4Address("192.0.2.77")
_END = 255
_PADDING_OPTION = 224
"""Site-specific; no client knows it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lie:
    """What it is, and what it makes of the proper answer. times: of the rule, where the lie takes it."""

    about: str
    tell: Callable[[DhcpMessage, int], tuple[bytes, ...]]


def payloads(proper: DhcpMessage, fault: Fault | None) -> tuple[bytes, ...]:
    """The datagrams that answer a request, in order; none for silence."""
    if fault is None:
        return (render_dhcp_message(proper),)
    if fault.refused:
        return ()
    if fault.garbage:
        return (GARBAGE,)
    if fault.lie is not None:
        return LIES[fault.lie].tell(proper, fault.times or REPETITIONS)
    rendered = render_dhcp_message(proper)
    return (rendered if fault.cut is None else rendered[: fault.cut],)


def _changed(**members: object) -> Callable[[DhcpMessage, int], tuple[bytes, ...]]:
    return lambda proper, _: (render_dhcp_message(replace(proper, **members)),)  # type: ignore[arg-type]


def _renumbered(proper: DhcpMessage, _times: int) -> tuple[bytes, ...]:
    return (render_dhcp_message(replace(proper, transaction=proper.transaction ^ 0xFFFFFFFF)),)


def _not_yours(proper: DhcpMessage, _times: int) -> tuple[bytes, ...]:
    return (render_dhcp_message(replace(proper, hardware_address=b"\x02" + proper.hardware_address[1:])),)


def _another_address(proper: DhcpMessage, _times: int) -> tuple[bytes, ...]:
    """Of the same net, 100 further on."""
    if proper.address is None:
        return (render_dhcp_message(proper),)
    raw = proper.address.packed
    other = IPv4Address(bytes([*raw[:3], (raw[3] + 100) % 254 or 1]))
    return (render_dhcp_message(replace(proper, address=other)),)


def _nak(proper: DhcpMessage, _times: int) -> tuple[bytes, ...]:
    no = replace(
        proper, kind=Kind.NAK.value, address=None, subnet_mask=None, routers=(), dns_servers=(), routes=(),
        domain_name=None, lease_seconds=None, wire_server=None,
    )  # fmt: skip
    return (render_dhcp_message(no),)


def _two_servers(proper: DhcpMessage, _times: int) -> tuple[bytes, ...]:
    """Another server is quicker and knows nothing of the platform."""
    other = replace(
        proper, server=OTHER_SERVER, address=OTHER_ADDRESS, routers=(OTHER_SERVER,), dns_servers=(OTHER_SERVER,),
        routes=(), wire_server=None, domain_name="example.com",
    )  # fmt: skip
    return render_dhcp_message(other), render_dhcp_message(proper)


def _options(proper: DhcpMessage) -> bytes:
    """The message up to its end mark, exclusively. Padding comes after it."""
    return render_dhcp_message(proper).rstrip(b"\0")[:-1]


def _overflow(proper: DhcpMessage, _times: int) -> tuple[bytes, ...]:
    """The last option says that it is longer than what follows."""
    return (_options(proper) + bytes([_PADDING_OPTION, 200, 1, 2, 3]),)


def _no_end(proper: DhcpMessage, _times: int) -> tuple[bytes, ...]:
    return (_options(proper),)


def _odd_length(proper: DhcpMessage, _times: int) -> tuple[bytes, ...]:
    """Option 245 with three bytes."""
    return (_options(replace(proper, wire_server=None)) + bytes([245, 3, 168, 63, 129, _END]),)


def _oversized(proper: DhcpMessage, _times: int) -> tuple[bytes, ...]:
    filler = bytes([_PADDING_OPTION, 250]) + bytes(250)
    whole = _options(proper)
    return (whole + filler * ((OVERSIZED - len(whole)) // len(filler)) + bytes([_END]),)


def _repeated(proper: DhcpMessage, times: int) -> tuple[bytes, ...]:
    return (render_dhcp_message(proper),) * times


LIES: Mapping[str, Lie] = {
    "no-wire-server": Lie(about="option 245 is missing", tell=_changed(wire_server=None)),
    "wrong-wire-server": Lie(
        about=f"option 245 names {OTHER_SERVER}", tell=_changed(wire_server=OTHER_SERVER)
    ),
    "no-routes": Lie(about="options 121 and 249 are missing", tell=_changed(routes=())),
    "no-router": Lie(
        about="options 3, 121 and 249 are missing: no way anywhere", tell=_changed(routes=(), routers=())
    ),
    "wrong-transaction": Lie(about="the transaction id is another's", tell=_renumbered),
    "wrong-hardware-address": Lie(about="the answer is for another MAC", tell=_not_yours),
    "nak": Lie(about="no, whatever was asked", tell=_nak),
    "repeat": Lie(about=f"each answer --times over ({REPETITIONS} when left out)", tell=_repeated),
    "short-lease": Lie(
        about=f"the lease ends after {SHORT_LEASE} s, so that it is renewed",
        tell=_changed(lease_seconds=SHORT_LEASE),
    ),
    "other-address": Lie(
        about="another address of the same net; on dhcp-renew it changes the lease", tell=_another_address
    ),
    "other-network": Lie(
        about=f"the address {OTHER_ADDRESS} of another net", tell=_changed(address=OTHER_ADDRESS)
    ),
    "two-servers": Lie(
        about=f"a second server, {OTHER_SERVER}, is quicker and knows no platform", tell=_two_servers
    ),
    "overflow": Lie(about="an option runs over the end of the message", tell=_overflow),
    "no-end": Lie(about="the options have no end", tell=_no_end),
    "odd-length": Lie(about="option 245 has three bytes", tell=_odd_length),
    "oversized": Lie(about=f"{OVERSIZED} bytes of message, most of them an unknown option", tell=_oversized),
}
"""By name; beside them any answer can be delayed, refused (silence), cut, or garbage."""
