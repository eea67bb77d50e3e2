"""An appliance's network as it shall be, in one value: its NICs, their leases, the port to the guest, the namespaces.

Drivers of network operating systems and of guest shells plan from it, and from what is seen (`limpet.guest.namespaces.Seen`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING

from limpet.model.addresses import PLATFORM, WIRE_SERVER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from limpet.guest.lease import AcquiredLease


@dataclass(frozen=True, kw_only=True, slots=True)
class Nic:
    """One NIC of the VM, by what stays when it moves: its MAC. name: as Linux calls it. device: on its bus, such as a VMBus UUID.

    vf: the name that a virtual function with its MAC had when it was last looked for; it belongs with its NIC.
    """

    name: str
    mac: str
    primary: bool = False
    device: str | None = None
    vf: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GuestPort:
    """The port pair between network OS and guest shell. outer: in the network OS; inner: in the guest, whose gateway outer is."""

    outer: str = "vpg0"
    inner: str = "gs0"
    outer_address: IPv4Interface = IPv4Interface("192.168.35.1/24")  # noqa: RUF009 - a value that cannot change
    inner_address: IPv4Interface = IPv4Interface("192.168.35.2/24")  # noqa: RUF009


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """nics: those that the network OS is to have, the primary one last. leases: what DHCP gave, by MAC.

    network_os, guest: names of network namespaces (drivers that bring their own data plane use only the guest's). dns: for
    the guest. host_name: the VM's. endpoint, metadata: addresses of wire server and metadata service where settings name them.
    """

    nics: tuple[Nic, ...]
    port: GuestPort = field(default_factory=GuestPort)
    network_os: str = "limpet-nos"
    guest: str = "limpet-guest"
    leases: Mapping[str, AcquiredLease] = field(default_factory=dict)
    dns: tuple[IPv4Address, ...] = (WIRE_SERVER,)
    host_name: str = "appliance"
    programs: Path | None = None
    """The folder with a vendor's own programs, for the driver ``hooks``."""
    endpoint: IPv4Address | None = None
    metadata: IPv4Address | None = None

    @property
    def primary(self) -> Nic:
        """The primary NIC. Raises: StopIteration never: a site without one is not made."""
        return next(nic for nic in self.nics if nic.primary)

    @property
    def wire_server(self) -> IPv4Address:
        """Where the wire server is: as the setting says, else DHCP on the primary NIC, else the well-known address."""
        lease = self.leases.get(self.primary.mac)
        return self.endpoint or (None if lease is None else lease.wire_server) or WIRE_SERVER

    @property
    def platform(self) -> tuple[IPv4Address, ...]:
        """All addresses of the platform, each once: the well-known ones may answer too where others are set."""
        lease = self.leases.get(self.primary.mac)
        told = (self.wire_server, self.metadata, None if lease is None else lease.wire_server)
        return tuple(dict.fromkeys((*PLATFORM, *(each for each in told if each is not None))))
