"""Which NICs there are, which of them the network OS gets, and in what order; and the appliance's network as it shall be (`Site`).

Source: network-appliance.md §6.6, §6.7.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Interface, IPv4Network
from typing import TYPE_CHECKING

from limpet.guest.interfaces import natural
from limpet.guest.namespaces import HOST, Seen
from limpet.guest.offers import is_host
from limpet.guest.site import GuestPort, Nic, Site
from limpet.model.addresses import WIRE_SERVER
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from limpet.config.settings import Config
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.namespaces import SeenLink

_NOT_NICS = frozenset(
    {
        "bridge",
        "bond",
        "vlan",
        "vxlan",
        "tun",
        "dummy",
        "macvlan",
        "ipvlan",
        "team",
        "vrf",
        "ipip",
        "gre",
        "sit",
    }
)


def nics_of(seen: Seen, config: Config, primary_mac: str | None) -> tuple[Nic, ...]:
    """The NICs of the host's namespace that the network OS shall get: the primary one last.

    primary_mac: of the NIC that the lease is for. Where it is unknown, an addressed NIC is taken, else the first by name.
    A virtual function is no NIC of its own: it goes with the synthetic NIC of its MAC.
    """
    links = [link for link in seen.links(HOST) if _is_nic(link, config)]
    real = [link for link in links if link.kind is None] or links  # a container has veths only
    twins = {id(link) for link in real if link.vf or _is_function(link, real)}
    synthetic = [link for link in real if id(link) not in twins]
    if not synthetic:
        return ()
    by_name = sorted(synthetic, key=lambda link: natural(link.name))
    primary = next((link for link in by_name if link.mac == primary_mac), None)
    primary = primary or next((link for link in by_name if link.addresses), by_name[0])
    ordered = [link for link in by_name if link is not primary] + [primary]
    return tuple(
        Nic(
            name=link.name,
            mac=link.mac,
            primary=link is primary,
            device=link.device,
            vf=next((each.name for each in real if id(each) in twins and each.mac == link.mac), None),
        )
        for link in ordered
    )


def given(seen: Seen, network_os: str) -> Seen:
    """What the network OS has, as if Linux had it: without the guest port, whose end there is no NIC."""
    port = GuestPort()
    links = [link for link in seen.links(network_os) if link.name not in {port.outer, port.inner}]
    return Seen(namespaces={HOST: tuple(links)})


def everywhere(seen: Seen, network_os: str) -> Seen:
    """What Linux and the network OS have, as if Linux had all of it."""
    return Seen(namespaces={HOST: (*seen.links(HOST), *given(seen, network_os).links(HOST))})


def _is_function(link: SeenLink, links: Iterable[SeenLink]) -> bool:
    """Whether another link of the same MAC is the NIC: a virtual function that has just come does not serve it yet (F3)."""
    same = [each for each in links if each.mac == link.mac and not each.vf]
    return link is not min(same, key=_unlike_a_nic, default=link)


def _unlike_a_nic(link: SeenLink) -> tuple[bool, bool, bool, int]:
    """A NIC has a name on the VMBus, not on PCI, and addresses; functions are named after PCI domains. Source: network-appliance.md §6.6."""
    on_pci = link.device is not None and ":" in link.device
    return on_pci, not link.addresses, link.name.startswith("enP"), link.index


def _is_nic(link: SeenLink, config: Config) -> bool:
    return (
        link.name not in config.left_nics
        and (link.kind or "") not in _NOT_NICS
        and bool(link.mac.replace(":", "").strip("0"))
    )


def site_of(nics: Iterable[Nic], leases: Mapping[str, AcquiredLease], config: Config, host_name: str) -> Site:
    """The appliance's network as it shall be. Raises: HostError, when no NIC is left for the network OS."""
    chosen = tuple(nics)
    if not any(nic.primary for nic in chosen):
        raise HostError(
            "there is no NIC for the network OS: look at `ip link`, and at the setting appliance.left_nics"
        )
    primary = next(nic for nic in chosen if nic.primary)
    lease = leases.get(primary.mac)
    return Site(
        nics=chosen,
        port=GuestPort(
            outer_address=IPv4Interface(config.guest_gateway),
            inner_address=IPv4Interface(config.guest_address),
        ),
        leases=dict(leases),
        dns=_dns(config, lease),
        host_name=host_name,
        programs=config.programs,
        endpoint=_address(config.fabric_endpoint),
        metadata=_address(config.metadata_endpoint.partition(":")[0]),
    )


def _address(setting: str | None) -> IPv4Address | None:
    """What a setting says where that is the address of a machine: rules have no names, and loopback is everybody's own."""
    try:
        address = IPv4Address(setting or "")
    except AddressValueError:
        return None
    return address if is_host(address) else None


def usable(site: Site) -> Site:
    """The same. Raises: HostError, when the guest port's network is also a NIC's: the guest would reach nobody."""
    port = site.port.outer_address.network
    for nic in site.nics:
        lease = site.leases.get(nic.mac)
        if lease is not None and port.overlaps(IPv4Network((lease.address, lease.prefix), strict=False)):
            raise HostError(
                f"the network of {nic.name} ({lease.address}/{lease.prefix}) and that of the guest port ({port}) overlap:"
                " give the guest port another one (guest_shell.gateway, guest_shell.address)"
            )
    return site


def _dns(config: Config, lease: AcquiredLease | None) -> tuple[IPv4Address, ...]:
    """As the setting says, else as DHCP did, else the platform's own (R10)."""
    if config.guest_dns:
        return tuple(map(IPv4Address, config.guest_dns.split(",")))
    return (lease.dns if lease is not None else ()) or (WIRE_SERVER,)


def survey(config: Config, leases: Iterable[AcquiredLease], seen: Seen, host_name: str) -> Site:
    """The network as it would be when the NICs that Linux has now went. leases: the primary NIC's first.

    Raises: HostError, when it has none.
    """
    held = {with_colons(lease.mac): lease for lease in leases}
    return site_of(nics_of(seen, config, next(iter(held), None)), held, config, host_name)


def with_colons(mac: str) -> str:
    """A MAC as the kernel shows it."""
    digits = mac.replace(":", "").lower()
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
