"""The NICs, routes and addresses of this machine, from /sys and /proc: no process is started for that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.interfaces import NetworkFacts, Nic
from limpet.guest.routes import parse_local_addresses, parse_route_table
from limpet.host.facts.reading import is_there, names_in, text_of
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.host.ports import Files

NETS = Path("/sys/class/net")
ROUTES = Path("/proc/net/route")
ADDRESSES = Path("/proc/net/fib_trie")
_LARGE = 4 * 1024 * 1024
_MOST = 1024
_UP = 0x1
_COMPOSED = ("bridge", "bonding", "tun_flags", "master", "brport")


def look(files: Files) -> NetworkFacts:
    """Read them."""
    return NetworkFacts(
        nics=nics(files),
        routes=parse_route_table(text_of(files, ROUTES, at_most=_LARGE) or ""),
        addresses=parse_local_addresses(text_of(files, ADDRESSES, at_most=_LARGE) or ""),
    )


def nics(files: Files) -> tuple[Nic, ...]:
    """The NICs, by name."""
    names = (name for name in names_in(files, NETS)[:_MOST] if name != "lo")
    return tuple(nic for name in names if (nic := nic_of(files, name)) is not None)


def nic_of(files: Files, name: str) -> Nic | None:
    """One NIC; None when it is not there, or has no Ethernet address."""
    folder = NETS / name
    mac = (text_of(files, folder / "address") or "").replace(":", "").lower()
    if len(mac) != 12 or not set(mac) <= set("0123456789abcdef"):
        return None
    return Nic(
        name=name,
        mac=mac,
        driver=_driver(files, folder),
        up=bool(_number(files, folder / "flags", 16) & _UP),
        carrier=_carrier(files, folder),
        real=is_there(files, folder / "device"),
        kind=_number(files, folder / "type", 10),
        composed=any(is_there(files, folder / each) for each in _COMPOSED),
    )


def _carrier(files: Files, folder: Path) -> bool | None:
    return {"1": True, "0": False}.get(text_of(files, folder / "carrier") or "")


def _driver(files: Files, folder: Path) -> str | None:
    try:
        found = files.target(folder / "device" / "driver")
    except HostError:
        return None
    return None if found is None else found.name


def _number(files: Files, path: Path, base: int) -> int:
    try:
        return int(text_of(files, path) or "0", base)
    except ValueError:
        return 0
