"""Leases of NICs that boot had no need to ask: it asks one by one, and stops at the first that leads to the platform.

A router's configuration names them, for its answers to health probes (R9). A NIC that was down is down again afterwards.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.appliance.workers.dhcp import lease_for
from limpet.host.facts import interfaces
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.site import Nic, Site
    from limpet.host.ports import Clock, Files, Links, Random

EACH, ALL = 2.0, 6.0
"""How long one NIC is asked, and all of them, seconds: a subnet without DHCP must not hold boot up."""
_CARRIER, _PAUSE = 1.0, 0.05


class Asking:
    """One time of asking."""

    def __init__(self, links: Links, files: Files, clock: Clock, chance: Random) -> None:
        self._links, self._files, self._clock, self._chance = links, files, clock, chance
        self._until = clock.monotonic() + ALL

    def lease(self, nic: Nic) -> AcquiredLease | None:
        """What DHCP gives it; None where it gives nothing in time."""
        left = min(EACH, self._until - self._clock.monotonic())
        seen = interfaces.nic_of(self._files, nic.name)
        if left <= 0 or seen is None:
            return None
        try:
            if not seen.up:
                self._links.set_up(nic.name, True)
            try:
                self._settle(nic)
                return lease_for(
                    bytes.fromhex(nic.mac.replace(":", "")),
                    nic.name,
                    links=self._links,
                    clock=self._clock,
                    chance=self._chance,
                    timeout=left,
                )
            finally:
                if not seen.up:
                    self._links.set_up(nic.name, False)
        except HostError:
            return None

    def _settle(self, nic: Nic) -> None:
        """Until the link is there: what is sent before is lost."""
        until = self._clock.monotonic() + _CARRIER
        while self._clock.monotonic() < until:
            seen = interfaces.nic_of(self._files, nic.name)
            if seen is None or seen.carrier is True:
                return
            self._clock.sleep(_PAUSE)


def with_others(site: Site, asking: Asking) -> Site:
    """The same, with the leases of its other NICs; as it is where the primary one has none: then nobody answers."""
    if site.primary.mac not in site.leases:
        return site
    open_ones = (nic for nic in site.nics if nic.mac not in site.leases)
    found = {nic.mac: lease for nic in open_ones if (lease := asking.lease(nic)) is not None}
    return replace(site, leases={**site.leases, **found})
