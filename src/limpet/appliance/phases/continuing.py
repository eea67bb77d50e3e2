"""DHCP after the handover: Linux has no NIC any more, so a worker in the network OS's namespace asks for each NIC's lease.

An address that has changed is put on the NIC, with its routes and NAT.
"""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING

from limpet.appliance.guest.rootfs import resolving
from limpet.guest.lease import parse_lease, render_lease
from limpet.guest.namespaces import HOST
from limpet.guest.network import plan_lease
from limpet.guest.steps import Run
from limpet.host.facts import interfaces
from limpet.model.errors import HostError, MalformedDocument

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Nic
    from limpet.host.appliance_ports import Child

WORKER = "limpet.appliance.workers.dhcp"
_FIRST = 2.0
_LONGEST = 60.0
_RETRY = 30.0
_SHORTEST = 5.0
"""Whatever a lease says, it is not asked for more often, seconds: each time costs a process."""


class Leases:
    """One NIC at a time. Nothing is waited for."""

    def __init__(self, appliance: Appliance, *, at_home: bool = False, first: float = _FIRST) -> None:
        """at_home: Linux has the NICs, of which only the primary one matters: an address that changed cuts nobody off.

        first: when the first one is asked for, seconds from now.
        """
        self._appliance = appliance
        self._at_home = at_home
        now = appliance.machine.clock.monotonic()
        self._due: dict[str, float] = {}
        self._first = now + first
        self._child: Child | None = None
        self._nic: Nic | None = None
        self._since = 0.0

    def step(self) -> None:
        """Begin, or look how far it is. Raises: HostError."""
        now = self._appliance.machine.clock.monotonic()
        if self._child is not None and self._nic is not None:
            self._followed(self._child, self._nic, now)
            return
        if now < self._first:
            return
        site = self._appliance.site()
        nics = (site.primary,) if self._at_home else site.nics
        nic = next((each for each in nics if now >= self._due.get(each.mac, 0.0)), None)
        if nic is None or not (self._at_home or self._appliance.look().exists(site.network_os)):
            return
        self._due[nic.mac] = now + _RETRY  # also when the worker cannot be started
        self._child = self._appliance.machine.children.start(
            WORKER,
            nic.mac,
            "--timeout",
            f"{_LONGEST:g}",
            network=None if self._at_home else site.network_os,
        )
        self._nic, self._since = nic, now

    def end(self) -> None:
        """Ask no more."""
        if self._child is not None and self._child.ended() is None:
            self._child.kill()
        self._child = self._nic = None

    def _followed(self, child: Child, nic: Nic, now: float) -> None:
        done = child.ended()
        if done is None:
            if now - self._since > _LONGEST + 10.0:
                child.kill()
            return
        self._child = self._nic = None
        self._due[nic.mac] = now + _RETRY
        if done.exit_code != 0:
            return
        try:
            lease = parse_lease(done.stdout)
        except MalformedDocument as error:
            raise HostError(f"the DHCP worker of {nic.name}: {error}") from error
        self._due[nic.mac] = now + renewed_after(lease, self._appliance.config.lease_period)
        if _same(lease, self._appliance.chronicle.leases.get(nic.mac)):
            return
        try:
            self._put(nic, lease)
        except HostError:
            self._due[nic.mac] = now + _RETRY
            raise
        # Noted only now: what could not be put in place is asked for and tried again.
        servers = self._appliance.site().dns
        self._appliance.note("lease", mac=nic.mac, lease=json.loads(render_lease(lease)))
        self._appliance.machine.log.info("lease.changed", nic=nic.name, address=str(lease.address))
        if self._appliance.site().dns != servers:
            self._resolve()

    def _resolve(self) -> None:
        """The guest's name servers are those of the lease, also while it runs (R10); each start writes them anew."""
        appliance = self._appliance
        try:
            if appliance.guest().running:
                appliance.do((resolving(appliance.shell()),))
        except HostError as error:
            appliance.machine.log.warning("guest.name_servers", problem=error)

    def _put(self, nic: Nic, lease: AcquiredLease) -> None:
        """Put it into place. Raises: HostError."""
        appliance = self._appliance
        if self._at_home:
            put_at_home(appliance, nic, lease, appliance.look())
            return
        site = appliance.site()
        site = replace(site, leases={**site.leases, nic.mac: lease})
        appliance.do(appliance.network_os.dress(nic, lease, site, appliance.look()))


def renewed_after(lease: AcquiredLease, period: float) -> float:
    """When a lease is asked for again, seconds: at half of its time, and at least every `period`."""
    return period if lease.seconds is None else min(period, max(lease.seconds / 2, _SHORTEST))


def put_at_home(appliance: Appliance, nic: Nic, lease: AcquiredLease, seen: Seen) -> None:
    """Address and routes of a lease on a NIC that Linux has; another address goes. Raises: HostError."""
    link = next((link for place, link in seen.of_mac(nic.mac) if place == HOST and not link.vf), None)
    if link is None:
        return
    wanted = IPv4Interface((lease.address, lease.prefix))
    if any(each != wanted for each in link.addresses):
        line = f"address flush dev {link.name} scope global\n"
        appliance.do((Run(("ip", "-batch", "-"), stdin=line.encode("ascii")),))
    facts = interfaces.look(appliance.machine.files)
    task = plan_lease(replace(lease, interface=link.name), facts, appliance.site().endpoint)
    appliance.apply((task,))


def _same(new: AcquiredLease, old: AcquiredLease | None) -> bool:
    """Whether they put the same into place."""
    if old is None:
        return False
    return (new.address, new.prefix, new.routes, new.dns) == (old.address, old.prefix, old.routes, old.dns)
