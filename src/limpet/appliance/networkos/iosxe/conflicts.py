"""Where a customer's lines touch what limpet needs of the router. They are theirs and stay as they are; they are told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from limpet.appliance.networkos.iosxe.custom_data import Note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.appliance.networkos.iosxe.scan import Scan, Scanned

PRIMARY = "GigabitEthernet1"
PORT = "VirtualPortGroup0"
_MOST = 64

# What is matched at the start of a command, and what follows from it. The customer's words are never repeated.
_ANYWHERE = (
    (r"no iox\b", "it switches off the guest shell's service (iox)"),
    (r"no interface virtualportgroup ?0\b", "it takes away the guest port"),
    (
        r"default interface (?:gi|virtualportgroup)",
        "it takes from an interface what limpet has given it, the list that keeps transit traffic from the platform included",
    ),
    (r"(?:no )?vrf definition gs\b", "it changes the guest's VRF (GS)"),
    (r"(?:no )?ip route vrf gs\b", "it changes the guest's routes (VRF GS)"),
    (r"(?:no )?ip nat inside source list gs_nat_acl\b", "it changes the guest's NAT (GS_NAT_ACL)"),
    (r"(?:no )?ip access-list (?:standard|extended) gs_", "it changes an access list of limpet's (GS_…)"),
    (r"(?:no )?route-map gs_probes\b", "it changes how health probes are answered (GS_PROBES)"),
    (
        r"(?:no )?ip local policy\b",
        "it replaces the policy that answers health probes on their NIC (GS_PROBES)",
    ),
    (r"(?:no )?app-hosting appid guestshell\b", "it changes the guest shell's own settings"),
    (r"no ip nat\b.*\boverload\b", "it may take away NAT that the guest needs"),
    (r"hostname\b", "it gives another host name than the platform's; the later one holds"),
    (r"crypto key zeroize\b", "it destroys the keys of the SSH server"),
    (r"(?:reload|exit all)\b", "it ends the configuration: what follows it is not applied"),
    (r"(?:write|copy|wr) ", "it is no command of the configuration mode"),
    (
        r"(?:do )?guestshell enable\b",
        "limpet enables the guest shell; to the router it is no command of the configuration mode",
    ),
    (
        r"(?:do )?guestshell (?:disable|destroy)\b",
        "the guest shell stays: the agent is in it (limpet guestshell disable)",
    ),
)
_PRIMARY_ONLY = (
    (r"shut", f"it shuts {PRIMARY}, the only way to the platform"),
    (r"ip address (?!dhcp)", f"it gives {PRIMARY} an address by hand; the platform gives it by DHCP"),
    (r"no ip address\b", f"it takes the address of {PRIMARY} away"),
    (r"(?:ip )?vrf forwarding\b", f"it moves {PRIMARY} to another VRF, which clears its address"),
    (r"no ip nat outside\b|ip nat inside\b", f"it takes {PRIMARY} out of the guest's NAT"),
)
_ANY_NIC = (
    (
        r"(?:no )?ip access-group \S+ in\b",
        "it replaces the list that keeps transit traffic from the platform's addresses",
    ),
)


def conflicts(scanned: Scan, *, user: str | None) -> tuple[Note, ...]:
    """Remarks on a customer's lines. user: the administrator's name."""
    found = [note for each in scanned.commands for note in _of(each, user)]
    if scanned.open_banner is not None:
        found.insert(
            0,
            Note(
                problem="a banner begins here and does not end: it takes in all that follows",
                line=scanned.open_banner,
            ),
        )
    if len(found) > _MOST:
        found[_MOST:] = [Note(problem=f"{len(found) - _MOST} more remarks of this kind are left out")]
    return tuple(found)


def _of(each: Scanned, user: str | None) -> Iterator[Note]:
    rules = list(_ANYWHERE)
    if each.interface == PRIMARY:
        rules += _PRIMARY_ONLY
    if each.interface is not None and each.interface.startswith("GigabitEthernet"):
        rules += _ANY_NIC
    if each.interface == PORT:
        yield Note(problem=f"it changes the guest port ({PORT})", line=each.number)
    if user is not None and re.match(rf"(?:no )?username {re.escape(user.lower())}(?: |\Z)", each.command):
        yield Note(
            problem="it is about the administrator, whose password is set already: IOS refuses a second kind of password",
            line=each.number,
        )
    for pattern, problem in rules:
        if re.match(pattern, each.command):
            yield Note(problem=problem, line=each.number)
