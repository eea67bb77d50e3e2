"""Day 0 of an IOS XE router: from provisioning media and custom data to files, and to what is to be done when it is configured."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING

from limpet.appliance.networkos.iosxe.config import (
    MOST_KEYS,
    MOST_NAME_SERVERS,
    Administrator,
    GuestResources,
    IosNic,
    IosXeWish,
    render,
    render_shown,
)
from limpet.appliance.networkos.iosxe.conflicts import PORT, conflicts
from limpet.appliance.networkos.iosxe.custom_data import (
    CONTROLLER_FILE,
    CustomData,
    Note,
    Package,
    Script,
    parse_custom_data,
)
from limpet.appliance.networkos.iosxe.cvac import CONFIGURATION_FILE
from limpet.appliance.networkos.iosxe.names import domain_of, host_name_of, user_name_of
from limpet.appliance.networkos.iosxe.scan import scan
from limpet.appliance.networkos.iosxe.secret import salt_of, type_nine
from limpet.guest.openssh import parse_keys
from limpet.model.addresses import WIRE_SERVER
from limpet.model.errors import MalformedDocument
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from limpet.appliance.networkos.iosxe.scan import Scan
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.openssh import Key
    from limpet.guest.site import Nic, Site
    from limpet.guest.translation import DayZero
    from limpet.model.provisioning import OvfEnvironment

ENABLE_GUEST_SHELL = "guestshell enable"
_ENABLES = re.compile(r"(?:do )?guestshell enable\b")
_APP = "app-hosting appid "
_CLOSED = ("Loopback", "nve", "LISP")
_MOST_EXPOSED = 256
_SMALLEST = 29
"""The longest prefix of a subnet that the platform has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IosXeDayZero:
    """What day 0 of a router is.

    configuration: the content of `CONFIGURATION_FILE`; None in controller mode. shown: the same for people. controller: the
    content of `CONTROLLER_FILE`. commands: of the exec mode that custom data asks for, when it is configured. scripts, packages: for
    the guest shell, after that, packages first.
    """

    configuration: Secret[str] | None
    shown: str
    controller: Secret[bytes] | None = None
    commands: tuple[str, ...] = ()
    scripts: tuple[Script, ...] = ()
    packages: tuple[Package, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def files(self) -> dict[str, Secret[bytes]]:
        """What is to lie on the router's flash, by name."""
        files = {}
        if self.configuration is not None:
            files[CONFIGURATION_FILE] = Secret(self.configuration.reveal().encode("utf-8", "replace"))
        if self.controller is not None:
            files[CONTROLLER_FILE] = self.controller
        return files

    def describe(self) -> str:
        """All of it for people, without secrets."""
        lines = [self.shown.rstrip("\n")] if self.shown else []
        lines += [f"then: {command}" for command in self.commands]
        lines += [f"then: {package.describe()}" for package in self.packages]
        lines += [f"then: {script.describe()}" for script in self.scripts]
        lines += [f"note: {note.describe()}" for note in self.notes]
        return "\n".join(lines) + "\n"


def guest_jobs(plan: IosXeDayZero) -> Secret[bytes]:
    """The document of what the guest shell is to do when the router is configured. Scripts may have tokens in them."""
    document = {
        "version": 1,
        "commands": plan.commands,
        "packages": [
            {"name": each.name, "version": each.version, "user": each.user} for each in plan.packages
        ],
        "scripts": [
            {"url": each.url.reveal(), "arguments": each.arguments.reveal()} for each in plan.scripts
        ],
    }
    return Secret(json.dumps(document, indent=1).encode() + b"\n")


def plan_day_zero(day_zero: DayZero, site: Site, resources: GuestResources | None = None) -> IosXeDayZero:
    """Everything of day 0. Raises: MalformedDocument, when custom data or a name cannot be used."""
    custom = parse_custom_data(day_zero.custom_data)
    if custom.controller is not None:
        note = Note(
            problem="SD-WAN: user, host name and guest shell are what the controller says, not what the platform does"
        )
        return IosXeDayZero(
            configuration=None,
            shown=f"! the SD-WAN bootstrap of custom data, as {CONTROLLER_FILE}\n",
            controller=custom.controller,
            notes=(note,),
        )
    notes = list(custom.notes)
    wish = _wish(day_zero, site, custom, resources or GuestResources(), notes)
    return IosXeDayZero(
        configuration=render(wish),
        shown=render_shown(wish),
        commands=(ENABLE_GUEST_SHELL,) if _asks_for_guest_shell(custom) else (),
        scripts=custom.scripts,
        packages=custom.packages,
        notes=tuple(notes),
    )


def _asks_for_guest_shell(custom: CustomData) -> bool:
    """Whether custom data needs the guest shell, as its packages and scripts do, or enables it in so many words."""
    if custom.scripts or custom.packages:
        return True
    app = ""
    for each in scan(custom.configuration).commands:
        if each.command.startswith(_APP):
            app = each.command.removeprefix(_APP)
        elif _ENABLES.match(each.command) or (each.command == "start" and app == "guestshell"):
            return True
    return False


def _wish(
    day_zero: DayZero, site: Site, custom: CustomData, resources: GuestResources, notes: list[Note]
) -> IosXeWish:
    environment = day_zero.environment
    nics = nics_of(site)
    scanned = scan(custom.configuration)
    named = [each.interface for each in scanned.commands if each.interface is not None]
    touched = frozenset((*named, *(each.partition(".")[0] for each in named)))  # a part needs the whole
    administrator = _administrator(day_zero.vm_id, environment, notes)
    notes += conflicts(scanned, user=administrator.name if administrator else None)
    name = host_name_of(environment.host_name)
    if name != environment.host_name:
        notes.append(Note(problem=f"the host name is {name} for IOS"))
    if nics[0].gateway is None:
        notes.append(
            Note(
                problem="the lease of the primary NIC names no gateway: the guest shell has no way out until one does"
            )
        )
    notes += [
        Note(
            problem=f"{nic.name} has no lease that can be used: health probes on it are answered by the routing table"
        )
        for nic in nics[1:]
        if nic.address is None or nic.gateway is None
    ]
    notes += [
        Note(problem=f"the lease of {nic.name} names no gateway: the first address of its subnet is taken")
        for nic in nics[1:]
        if nic.gateway is not None and nic.guessed
    ]
    if custom.tech_package is not None:
        notes.append(Note(problem="the technology package holds from the next reload on"))
    return IosXeWish(
        vm_id=day_zero.vm_id,
        host_name=name,
        domain=_domain(environment.host_name, site),
        administrator=administrator,
        nics=nics,
        port=site.port,
        dns=site.dns[:MOST_NAME_SERVERS],
        resources=resources,
        custom=custom,
        touched=touched,
        exposed=_exposed(scanned, nics),
        listed=_listed(scanned),
        platform=site.platform,
        probing=tuple(dict.fromkeys((WIRE_SERVER, site.wire_server))),
    )


def nics_of(site: Site) -> tuple[IosNic, ...]:
    """The NICs as IOS counts them: the primary one first, then in their order."""
    ordered = sorted(site.nics, key=lambda nic: not nic.primary)
    return tuple(_nic(number, nic, site.leases.get(nic.mac)) for number, nic in enumerate(ordered, 1))


def _nic(number: int, nic: Nic, lease: AcquiredLease | None) -> IosNic:
    if lease is None:
        return IosNic(number=number, mac=nic.mac)
    return IosNic(
        number=number,
        mac=nic.mac,
        address=IPv4Interface((lease.address, lease.prefix)),
        gateway=gateway_of(lease) or (None if nic.primary else first_address(lease)),
        guessed=gateway_of(lease) is None,
    )


def first_address(lease: AcquiredLease) -> IPv4Address | None:
    """Where the platform's gateway is in each subnet: it names it in the primary NIC's lease alone.

    Source: the platform's questions and answers about virtual networks, on reserved addresses. None in what is no such subnet.
    """
    network = IPv4Interface((lease.address, lease.prefix)).network
    first = network.network_address + 1
    return first if network.prefixlen <= _SMALLEST and first != lease.address else None


def gateway_of(lease: AcquiredLease) -> IPv4Address | None:
    """The gateway of its default route; None where it has none, or one that is reached directly."""
    ways = (each.gateway for each in lease.routes if each.destination.prefixlen == 0)
    return next((each for each in ways if not each.is_unspecified), None)


def _domain(host_name: str, site: Site) -> str | None:
    """Of the VM's own full name, else of the primary NIC's lease."""
    lease = next((site.leases.get(nic.mac) for nic in site.nics if nic.primary), None)
    return domain_of(host_name.partition(".")[2]) or domain_of(lease.domain if lease else None)


def _administrator(vm_id: str, environment: OvfEnvironment, notes: list[Note]) -> Administrator | None:
    if environment.user_name is None:
        return None
    name = user_name_of(environment.user_name)
    keys = _keys(environment, notes)
    secret = None
    if environment.user_password is not None:
        secret = type_nine(environment.user_password, salt_of(vm_id, name))
    elif not keys:
        notes.append(
            Note(
                problem="the administrator has neither a password nor a key that IOS takes: nobody can log in"
            )
        )
    passwords = not environment.disable_ssh_password_authentication or not keys
    return Administrator(name=name, secret=secret, keys=keys, ssh_passwords=passwords)


def _keys(environment: OvfEnvironment, notes: list[Note]) -> tuple[Key, ...]:
    """The keys that IOS takes: RSA, two for a user."""
    keys: list[Key] = []
    for given in environment.public_keys:
        if given.value is None:
            notes.append(
                Note(problem="a key by the thumbprint of a certificate is not given to IOS; give it by value")
            )
            continue
        try:
            keys += parse_keys(given.value)
        except MalformedDocument as error:
            notes.append(Note(problem=f"a key is left out: {error.problem}"))
    taken = [key for key in keys if key.kind == "ssh-rsa"]
    if len(taken) < len(keys):
        notes.append(
            Note(problem=f"IOS takes RSA keys alone: {len(keys) - len(taken)} of another kind left out")
        )
    if len(taken) > MOST_KEYS:
        notes.append(
            Note(problem=f"IOS takes {MOST_KEYS} keys for a user: {len(taken) - MOST_KEYS} left out")
        )
    return tuple(taken[:MOST_KEYS])


def _exposed(scanned: Scan, nics: tuple[IosNic, ...]) -> tuple[str, ...]:
    """Interfaces beside the NICs over which packets of others come in. A banner that does not end takes in what would follow."""
    if scanned.open_banner is not None:
        return ()
    own = {PORT, *(nic.name for nic in nics)}
    names = dict.fromkeys(each.interface for each in scanned.commands if each.interface is not None)
    return tuple(name for name in names if name not in own and not name.startswith(_CLOSED))[:_MOST_EXPOSED]


def _listed(scanned: Scan) -> frozenset[str]:
    words = ("ip access-group ", "access-group ")
    return frozenset(
        each.interface
        for each in scanned.commands
        if each.interface is not None and each.command.startswith(words) and each.command.endswith(" in")
    )
