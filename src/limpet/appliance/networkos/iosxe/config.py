"""The day-0 configuration of an IOS XE router (`iosxe_config.txt`): values in, text out.

What it is made of is the vendor's own configuration on Azure (network-appliance.md §1.5), with its four weaknesses mended:

- The way out of the guest's VRF goes to the gateway that the lease of the primary NIC names, and `gateway_change` writes it anew
  when the lease changes (stage 1 takes a lease at every boot, before the router has its NICs). IOS XE has the word ``dhcp`` for a
  next hop only in the global table: the vendor's model of 17.4 has none behind the interface of ``ip route vrf``, beside
  ``global``. Routes replicated from the global table would follow DHCP, but also whatever default route the operator has, and
  the platform's addresses answer to the primary NIC alone.
- NAT is to the primary address of the primary interface, by its name: it follows DHCP.
- Name servers are the lease's, else the platform's; never a public one.
- Transit traffic to the platform's addresses is dropped where it comes in (R8), and probes are answered on their NIC (R9): by
  policy routing of the router's own packets, by source address. (A VRF for each NIC would do it too, and would take the NICs out
  of the customer's routing.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.appliance.networkos.iosxe.custom_data import CustomData
from limpet.appliance.networkos.iosxe.names import plain
from limpet.guest.site import GuestPort
from limpet.model.addresses import PLATFORM, WIRE_SERVER
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address, IPv4Interface

    from limpet.guest.openssh import Key

VRF = "GS"
NAT_LIST = "GS_NAT_ACL"
TRANSIT_LIST = "GS_TRANSIT_ACL"
PROBES = "GS_PROBES"
PRIMARY = "GigabitEthernet1"
PORT = "VirtualPortGroup0"
CUSTOM_BEGINS = "! Custom data from here."
CUSTOM_ENDS = "! Custom data to here."
MOST_NAME_SERVERS = 5
MOST_KEYS = 2
"""Keys of a user. Source: the vendor's guide to SSH authentication, which also says that they are RSA."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A line with a secret in it, and what people are shown in its place."""

    line: Secret[str]
    shown: str


Line = str | Hidden


@dataclass(frozen=True, kw_only=True, slots=True)
class Administrator:
    """The user of the provisioning media: privilege 15. secret: the word behind ``secret 9``, None for a user with keys alone."""

    name: str
    secret: Secret[str] | None = None
    keys: tuple[Key, ...] = ()
    ssh_passwords: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class IosNic:
    """A NIC: GigabitEthernet`number`, 1 for the primary one. address and gateway: of its lease, None where there is none.

    guessed: whether the lease does not name the gateway.
    """

    number: int
    mac: str
    address: IPv4Interface | None = None
    gateway: IPv4Address | None = None
    guessed: bool = False

    @property
    def name(self) -> str:
        """As IOS calls it."""
        return f"GigabitEthernet{self.number}"


@dataclass(frozen=True, kw_only=True, slots=True)
class GuestResources:
    """What the guest shell gets: CPU in the units of IOx, memory and disk in MB."""

    cpu: int = 800
    memory: int = 512
    disk: int = 500
    processors: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class IosXeWish:
    """Everything a rendering is made from; every name has passed names.py. nics: the primary one first.

    touched: interfaces that custom data configures. exposed: those of them that are none of the NICs and let packets in, such as
    tunnels. listed: interfaces on which custom data puts an access list of its own for what comes in. platform: the addresses that
    are for the guest alone. probing: those of them from which health probes come.
    """

    vm_id: str
    host_name: str
    nics: tuple[IosNic, ...]
    domain: str | None = None
    administrator: Administrator | None = None
    port: GuestPort = field(default_factory=GuestPort)
    dns: tuple[IPv4Address, ...] = ()
    resources: GuestResources = GuestResources()
    custom: CustomData = field(default_factory=CustomData)
    touched: frozenset[str] = frozenset()
    exposed: tuple[str, ...] = ()
    listed: frozenset[str] = frozenset()
    platform: tuple[IPv4Address, ...] = PLATFORM
    probing: tuple[IPv4Address, ...] = (WIRE_SERVER,)


def render(wish: IosXeWish) -> Secret[str]:
    """The configuration."""
    lines = (line.line.reveal() if isinstance(line, Hidden) else line for line in _lines(wish))
    return Secret("".join(f"{line}\n" for line in lines))


def render_shown(wish: IosXeWish) -> str:
    """The same for --dry-run and logs: no password, not even its hash, and not one of the customer's lines."""
    shown = [line.shown if isinstance(line, Hidden) else line for line in _lines(wish, shown=True)]
    return "".join(f"{line}\n" for line in shown)


def gateway_change(old: IPv4Address | None, new: IPv4Address | None) -> tuple[str, ...]:
    """Commands for the guest's way out after its lease has changed; none where nothing has."""
    if old == new:
        return ()
    return (
        *((f"no {_way_out(old)}",) if old is not None else ()),
        *((_way_out(new),) if new is not None else ()),
    )


def _lines(wish: IosXeWish, *, shown: bool = False) -> Iterator[Line]:
    yield f"! Day-0 configuration by limpet for VM {plain(wish.vm_id)}"
    yield f"hostname {wish.host_name}"
    if wish.domain is not None:
        yield f"ip domain name {wish.domain}"
    yield from _administration(wish.administrator)
    yield from _guest_network(wish)
    yield from _lists(wish)
    for nic in wish.nics:
        yield from _interface(nic, wish)
    yield from _routing(wish)
    yield from _probes(wish)
    yield from _guest_shell(wish)
    if wish.custom.tech_package is not None:
        yield f"license boot level {wish.custom.tech_package}"
    yield from _custom(wish.custom, shown=shown)
    for name in wish.exposed:
        if name not in wish.listed:
            yield from ("!", f"interface {name}", f" ip access-group {TRANSIT_LIST} in")
    yield from ("!", "end")


def _administration(user: Administrator | None) -> Iterator[Line]:
    yield "!"
    if user is not None:
        begun = f"username {user.name} privilege 15"
        if user.secret is None:
            yield begun
        else:
            yield Hidden(Secret(f"{begun} secret 9 {user.secret.reveal()}"), f"{begun} secret 9 ***")
    yield "crypto key generate rsa general-keys label sshkeys modulus 2048"
    yield "ip ssh rsa keypair-name sshkeys"
    yield "ip ssh version 2"
    if user is not None and not user.ssh_passwords:
        yield "no ip ssh server authenticate user password"
        yield "no ip ssh server authenticate user keyboard"
    if user is not None and user.keys:
        yield "ip ssh pubkey-chain"
        yield f" username {user.name}"
        for number, key in enumerate(user.keys, 1):
            yield f"  key-hash {key.kind} {key.md5.upper()} {user.name}-{number}"
        yield from ("  exit", " exit")
    yield from ("line vty 0 4", " login local", " transport input ssh")


def _guest_network(wish: IosXeWish) -> Iterator[str]:
    address = wish.port.outer_address
    yield "!"
    yield f"vrf definition {VRF}"
    yield " rd 100:100"
    yield " address-family ipv4"
    yield " exit-address-family"
    yield "!"
    yield f"interface {PORT}"
    yield f" vrf forwarding {VRF}"
    yield f" ip address {address.ip} {address.netmask}"
    yield " ip nat inside"
    yield " no shutdown"


def _lists(wish: IosXeWish) -> Iterator[str]:
    network = wish.port.outer_address.network
    yield "!"
    yield f"ip access-list standard {NAT_LIST}"
    yield f" permit {network.network_address} {network.hostmask}"
    yield "! Nobody behind the router reaches the platform in its name."
    yield f"ip access-list extended {TRANSIT_LIST}"
    yield from (f" deny ip any host {address}" for address in wish.platform)
    yield " permit ip any any"


def _interface(nic: IosNic, wish: IosXeWish) -> Iterator[str]:
    primary = nic.number == 1
    yield "!"
    yield f"interface {nic.name}"
    yield f" description {'primary NIC' if primary else 'NIC'} {plain(nic.mac)}"
    yield " ip address dhcp" if primary else " no ip address"
    if primary:
        yield " ip nat outside"
    yield f" ip access-group {TRANSIT_LIST} in"
    yield " negotiation auto"
    yield " no shutdown" if primary or nic.name in wish.touched else " shutdown"


def _way_out(gateway: IPv4Address) -> str:
    return f"ip route vrf {VRF} 0.0.0.0 0.0.0.0 {PRIMARY} {gateway} global"


def _routing(wish: IosXeWish) -> Iterator[str]:
    gateway = wish.nics[0].gateway
    yield "!"
    yield f"ip nat inside source list {NAT_LIST} interface {PRIMARY} vrf {VRF} overload"
    if gateway is not None:
        yield f"! The gateway is that of the lease of {PRIMARY}; limpet writes this route anew when the lease changes."
        yield _way_out(gateway)


def _probes(wish: IosXeWish) -> Iterator[str]:
    """Answers to health probes, which come from one address on every NIC, go out where the probe came in."""
    numbered = [nic for nic in wish.nics[1:] if nic.address is not None and nic.gateway is not None]
    for nic in numbered:
        if nic.address is not None:
            yield "!"
            yield f"ip access-list extended GS_PROBE_{nic.number}"
            yield from (f" permit ip host {nic.address.ip} host {address}" for address in wish.probing)
            yield f"route-map {PROBES} permit {10 * nic.number}"
            yield f" match ip address GS_PROBE_{nic.number}"
            yield f" set ip next-hop {nic.gateway}"
    if numbered:
        yield "!"
        yield f"ip local policy route-map {PROBES}"


def _guest_shell(wish: IosXeWish) -> Iterator[str]:
    port, resources = wish.port, wish.resources
    yield "!"
    yield "iox"
    yield "app-hosting appid guestshell"
    yield " app-vnic gateway1 virtualportgroup 0 guest-interface 0"
    yield f"  guest-ipaddress {port.inner_address.ip} netmask {port.inner_address.netmask}"
    yield f" app-default-gateway {port.outer_address.ip} guest-interface 0"
    for number, server in enumerate((wish.dns or (WIRE_SERVER,))[:MOST_NAME_SERVERS]):
        yield f" name-server{number} {server}"
    yield " app-resource profile custom"
    yield f"  cpu {resources.cpu}"
    yield f"  memory {resources.memory}"
    yield f"  persist-disk {resources.disk}"
    yield f"  vcpu {resources.processors}"


def _custom(custom: CustomData, *, shown: bool) -> Iterator[Line]:
    if not custom.configuration:
        return
    yield "!"
    if shown:
        yield f"! {len(custom.configuration)} lines of custom data stand here; they may hold secrets."
        return
    yield CUSTOM_BEGINS
    for line in custom.configuration:
        yield Hidden(line.text, "")
    yield CUSTOM_ENDS
