"""The DHCP clients that run here, and the gateways that their leases name. Source: guest-setup.md §B.4, §B.5."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.facts.reading import bytes_of, names_in, text_of
from limpet.model.errors import MalformedDocument
from limpet.wire.leases import LARGEST, parse_isc_leases, parse_networkd_lease

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address

    from limpet.host.ports import Files

PROGRAMS = frozenset(
    {"dhclient", "dhcpcd", "udhcpc", "systemd-network", "NetworkManager", "wickedd-dhcp4", "connmand"}
)
"""By the first 15 characters of their names, which is what the kernel keeps."""

_PROC, _NETS = Path("/proc"), Path("/sys/class/net")
_NETWORKD = Path("/run/systemd/netif/leases")
_ISC = (
    (Path("/var/lib/dhcp"), "dhclient.{}.leases"),
    (Path("/var/lib/dhcp"), "dhclient.leases"),
    (Path("/var/lib/dhclient"), "dhclient-{}.leases"),
    (Path("/var/lib/dhclient"), "dhclient--{}.lease"),
    (Path("/var/lib/dhclient"), "dhclient.leases"),
)
_NETWORK_MANAGER = Path("/var/lib/NetworkManager")
_MOST_FILES = 64


def processes(files: Files) -> tuple[int, ...]:
    """The process ids of DHCP clients. It reads a file for each process: not for a resident program."""
    pids = (int(name) for name in names_in(files, _PROC) if name.isdecimal())
    return tuple(sorted(pid for pid in pids if text_of(files, _PROC / str(pid) / "comm") in PROGRAMS))


def routers(files: Files, interface: str, now: float) -> tuple[IPv4Address, ...]:
    """The gateways of the default route as a client's valid lease for a NIC has them; none where no client wrote any.

    now: seconds since 1970.
    """
    index = text_of(files, _NETS / interface / "ifindex")
    if index is not None and index.isdecimal():
        content = bytes_of(files, _NETWORKD / index, at_most=LARGEST)
        try:
            found = () if content is None else parse_networkd_lease(content).routers
        except MalformedDocument:
            found = ()
        if found:
            return found
    for path in _isc_files(files, interface):
        content = bytes_of(files, path, at_most=LARGEST)
        try:
            leases = () if content is None else parse_isc_leases(content)
        except MalformedDocument:
            continue
        for lease in reversed(leases):
            valid = lease.expires is None or lease.expires > now
            if lease.interface in {interface, None} and valid and lease.routers:
                return lease.routers
    return ()


def _isc_files(files: Files, interface: str) -> Iterator[Path]:
    for folder, name in _ISC:
        yield folder / name.format(interface)
    names = names_in(files, _NETWORK_MANAGER)[:_MOST_FILES]
    yield from (_NETWORK_MANAGER / name for name in names if name.endswith(f"-{interface}.lease"))
