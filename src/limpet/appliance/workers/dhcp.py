"""Asks for the lease of one NIC in this network namespace: a short-lived worker, so that DHCP goes on in the network OS.

It prints the lease as `render_lease` writes it. Nothing is changed on this machine, and nothing is ever released: what comes
of the lease is for the driver of the network OS. Exit code 1 with the reason on stderr: there was none in time.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from contextlib import suppress
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from limpet.appliance.workers.options import options_of
from limpet.guest import dhcp
from limpet.guest.lease import render_lease
from limpet.guest.offers import lease_of
from limpet.host import dhcp_client
from limpet.host.chance import RealRandom
from limpet.host.clock import RealClock
from limpet.host.links import RealLinks
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.guest.lease import AcquiredLease
    from limpet.host.ports import Clock, Links, Random

_USAGE = (
    "usage: limpet.appliance.workers.dhcp MAC [--timeout SECONDS] [--address ADDRESS] [--host-name NAME]\n"
)
_GET_FLAGS, _GET_HARDWARE = 0x8913, 0x8927
_REQUEST = struct.Struct("16s24x")
_UP, _SLAVE = 0x1, 0x800
_FIRST_WINDOW, _LONGEST_WINDOW = 1.0, 10.0


def lease_for(
    mac: bytes,
    interface: str,
    *,
    links: Links,
    clock: Clock,
    chance: Random,
    timeout: float,
    address: IPv4Address | None = None,
    host_name: str | None = None,
) -> AcquiredLease:
    """A lease for a NIC that is up. address: the one it has, which is asked for again first. Raises: HostError, with the reason."""
    deadline = clock.monotonic() + timeout
    window, problems = _FIRST_WINDOW, dict[str, None]()
    transaction = dhcp_client.transaction(chance)
    while (left := deadline - clock.monotonic()) > 0:
        if address is not None:
            session = dhcp.renewal(
                mac=mac,
                transaction=transaction,
                address=address,
                host_name=host_name,
                seconds=min(window, left),
            )
        else:
            session = dhcp.Session(
                mac=mac, transaction=transaction, host_name=host_name, seconds=min(window, left)
            )
        wire = links.open_wire(interface)
        try:
            session = dhcp_client.run(session, wire, clock)
        finally:
            wire.close()
        if session.answer is not None:
            return lease_of(session.answer, session.offer, interface, clock.now())[0]
        problems.update(dict.fromkeys(session.reasons))
        if address is not None:
            address = None  # it may be another one now: ask anew
            continue
        # A server that says no at once must not be asked without a pause.
        clock.sleep(max(0.0, min(window, deadline - clock.monotonic()) / 2))
        window = min(2 * window, _LONGEST_WINDOW)
    raise HostError(f"no DHCP lease on {interface} within {timeout:g} s: {'; '.join(problems)[:500]}")


def interface_of(mac: bytes) -> str:
    """The name of the NIC with this MAC in this namespace. Raises: HostError.

    /sys cannot be asked: it shows the namespace in which it was mounted. A virtual function of the NIC serves, and is passed over.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:

        def asked(request: int, name: str) -> bytes:
            return fcntl.ioctl(control, request, _REQUEST.pack(name.encode("utf-8", "surrogateescape")))

        found = []
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # it has just gone
                flags = int.from_bytes(asked(_GET_FLAGS, name)[16:18], sys.byteorder)
                if asked(_GET_HARDWARE, name)[18:24] == mac and not flags & _SLAVE:
                    found.append((not flags & _UP, name))
    if not found:
        raise HostError(f"there is no NIC with the MAC {mac.hex(':')} in this network namespace")
    return min(found)[1]


def main(arguments: Sequence[str]) -> int:
    """The worker. Gives the exit code."""
    try:
        mac = bytes.fromhex(arguments[0].replace(":", ""))
        options = options_of(arguments[1:], {"--timeout", "--address", "--host-name"})
        timeout = float(options.get("--timeout", "30"))
        address = IPv4Address(options["--address"]) if "--address" in options else None
    except (ValueError, IndexError):
        sys.stderr.write(_USAGE)
        return 2
    try:
        lease = lease_for(
            mac,
            interface_of(mac),
            links=RealLinks(),
            clock=RealClock(),
            chance=RealRandom(),
            timeout=timeout,
            address=address,
            host_name=options.get("--host-name"),
        )
    except HostError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(render_lease(lease).decode("ascii"))
    return 0
