"""ip, as far as a lease needs it: `ip -batch -` with links, addresses and routes, seen again in /sys and /proc."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.routes import parse_local_addresses, parse_route_table
from limpet.host.fake_commands import Said
from limpet.host.fake_devices import by_the_kernel
from limpet.host.fake_network import kernel_hex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

NETS = Path("/sys/class/net")
ROUTES = Path("/proc/net/route")
ADDRESSES = Path("/proc/net/fib_trie")
_HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
_DIRECTLY = IPv4Address(0)


def ip(files: FakeFiles, call: Call) -> Said:
    """Do every line, or stop at the first that cannot be done, as ip does without -force."""
    if call.argv[1:] != ("-batch", "-"):
        return Said(exit_code=255, stderr=f"ip: {call.argv[1:]} is not known here")
    for number, line in enumerate(call.stdin.decode().splitlines(), 1):
        files.before()  # the kernel does each line whole
        with by_the_kernel(files):
            problem = _line(files, line.split())
        if problem:
            return Said(exit_code=1, stderr=f"{problem}\nCommand failed -:{number}")
    return Said()


def _line(files: FakeFiles, words: list[str]) -> str | None:
    match words:
        case ["route", "add", destination, *rest]:
            routes = parse_route_table(_read(files, ROUTES))
            if any(each.destination == IPv4Network(destination) for each in routes):
                return "RTNETLINK answers: File exists"
            return _line(files, ["route", "replace", destination, *rest])
        case ["link", "set", "dev", name, "up"]:
            return _link_up(files, name)
        case ["address", "replace", address, "broadcast", "+", "dev", name] | [
            "address",
            "replace",
            address,
            "dev",
            name,
        ]:
            return _address(files, IPv4Interface(address), name)
        case ["address", "flush", "dev", name, "scope", "global"]:
            return _flush_addresses(files, name)
        case ["route", "flush", "dev", name]:
            _flush_routes(files, name)
            return None
        case ["route", "replace", destination, "dev", name, "scope", "link"]:
            return _route(files, destination, None, name, onlink=True)
        case ["route", "replace", destination, "via", gateway, "dev", name, *rest]:
            return _route(files, destination, gateway, name, onlink=rest == ["onlink"])
        case _:
            return f'Command "{" ".join(words)}" is unknown, try "ip help".'


def _link_up(files: FakeFiles, name: str) -> str | None:
    if files.info(NETS / name) is None:
        return f'Cannot find device "{name}"'
    files.replace(NETS / name / "flags", b"0x1003\n")
    files.replace(NETS / name / "carrier", b"1\n")
    return None


def _is_up(files: FakeFiles, name: str) -> bool:
    flags = NETS / name / "flags"
    return files.info(flags) is not None and bool(int(files.read(flags, at_most=64), 16) & 1)


def _address(files: FakeFiles, address: IPv4Interface, name: str) -> str | None:
    if files.info(NETS / name) is None:
        return f'Cannot find device "{name}"'
    have = _read(files, ADDRESSES)
    if address.ip not in parse_local_addresses(have):
        _put(files, ADDRESSES, have + f"        |-- {address.ip}\n           /32 host LOCAL\n")
    if address.network.prefixlen < 32:
        _add(files, name, address.network, _DIRECTLY)
    return None


def _flush_addresses(files: FakeFiles, name: str) -> str | None:
    """Take every address off a NIC: its routes go with the last one."""
    if files.info(NETS / name) is None:
        return f'Cannot find device "{name}"'
    networks = [
        each.destination
        for each in parse_route_table(_read(files, ROUTES))
        if each.interface == name and each.gateway == _DIRECTLY
    ]
    stay = [
        address
        for address in parse_local_addresses(_read(files, ADDRESSES))
        if not any(address in network for network in networks)
    ]
    text = "".join(f"        |-- {each}\n           /32 host LOCAL\n" for each in sorted(stay))
    _put(files, ADDRESSES, text)
    _flush_routes(files, name)
    return None


def _flush_routes(files: FakeFiles, name: str) -> None:
    head, _, rest = (_read(files, ROUTES) or _HEAD).partition("\n")
    lines = [line for line in rest.splitlines() if not line.startswith(f"{name}\t")]
    _put(files, ROUTES, "\n".join([head, *lines]) + "\n")


def _route(files: FakeFiles, destination: str, gateway: str | None, name: str, *, onlink: bool) -> str | None:
    if not _is_up(files, name):
        return "Error: Device for nexthop is not up."
    via = _DIRECTLY if gateway is None else IPv4Address(gateway)
    near = [
        each.destination
        for each in parse_route_table(_read(files, ROUTES))
        if each.interface == name and each.gateway == _DIRECTLY and each.destination.prefixlen
    ]
    if gateway is not None and not onlink and not any(via in each for each in near):
        return "Error: Nexthop has invalid gateway."
    _add(files, name, IPv4Network(destination), via)
    return None


def _add(files: FakeFiles, name: str, destination: IPv4Network, gateway: IPv4Address) -> None:
    """Put a route in, in place of one to the same destination."""
    head, _, rest = (_read(files, ROUTES) or _HEAD).partition("\n")
    place = f"{kernel_hex(destination.network_address)}\t"
    mask = kernel_hex(destination.netmask)
    lines = [
        line
        for line in rest.splitlines()
        if not (line.partition("\t")[2].startswith(place) and f"\t{mask}\t" in line)
    ]
    flags = 0x1 | (0x2 if gateway != _DIRECTLY else 0) | (0x4 if destination.prefixlen == 32 else 0)
    lines.append(f"{name}\t{place}{kernel_hex(gateway)}\t{flags:04X}\t0\t0\t0\t{mask}\t0\t0\t0")
    _put(files, ROUTES, "\n".join([head, *lines]) + "\n")


def _read(files: FakeFiles, path: Path) -> str:
    return files.read(path, at_most=1 << 20).decode() if files.info(path) is not None else ""


def _put(files: FakeFiles, path: Path, text: str) -> None:
    files.make_folder(path.parent)
    files.replace(path, text.encode())


PROGRAMS: Mapping[str, Callable[[FakeFiles, Call], Said]] = {"ip": ip}
