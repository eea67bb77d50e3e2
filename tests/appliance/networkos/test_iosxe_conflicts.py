"""What a customer's lines do to what limpet needs of the router: told, and left as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.appliance.networkos.iosxe_cases import SECTIONS, day_zero, environment, site

from limpet.appliance.networkos.iosxe.conflicts import conflicts
from limpet.appliance.networkos.iosxe.scan import ConfigurationLine, Scan, scan
from limpet.model.secret import Secret


def scanned(text: str) -> Scan:
    lines = enumerate(text.split("\n"), 1)
    return scan(tuple(ConfigurationLine(number=number, text=Secret(line)) for number, line in lines))


def told(text: str) -> list[str]:
    return [note.describe() for note in conflicts(scanned(text), user="Alice")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no iox", "line 1: it switches off the guest shell's service (iox)"),
        (
            "do guestshell enable",
            "line 1: limpet enables the guest shell; to the router it is no command of the configuration mode",
        ),
        (
            "guestshell destroy",
            "line 1: the guest shell stays: the agent is in it (limpet guestshell disable)",
        ),
        ("  NO   IOX  ", "line 1: it switches off the guest shell's service (iox)"),
        ("no interface VirtualPortGroup0", "line 1: it takes away the guest port"),
        ("vrf definition GS", "line 1: it changes the guest's VRF (GS)"),
        ("ip route vrf GS 0.0.0.0 0.0.0.0 Null0", "line 1: it changes the guest's routes (VRF GS)"),
        (
            "ip nat inside source list GS_NAT_ACL interface GigabitEthernet2 overload",
            "line 1: it changes the guest's NAT (GS_NAT_ACL)",
        ),
        ("ip access-list extended GS_TRANSIT_ACL", "line 1: it changes an access list of limpet's (GS_…)"),
        ("no app-hosting appid guestshell", "line 1: it changes the guest shell's own settings"),
        (
            "ip local policy route-map MINE",
            "line 1: it replaces the policy that answers health probes on their NIC (GS_PROBES)",
        ),
        ("hostname other", "line 1: it gives another host name than the platform's; the later one holds"),
        (
            "username alice privilege 15 password x",
            "line 1: it is about the administrator, whose password is set already: IOS refuses a second kind of password",
        ),
        (
            "interface GigabitEthernet1\n shutdown",
            "line 2: it shuts GigabitEthernet1, the only way to the platform",
        ),
        ("int gi1\nshut", "line 2: it shuts GigabitEthernet1, the only way to the platform"),
        (
            "interface Gi 1\n ip address 10.0.0.4 255.255.255.0",
            "line 2: it gives GigabitEthernet1 an address by hand; the platform gives it by DHCP",
        ),
        ("interface Gi1\n no ip address", "line 2: it takes the address of GigabitEthernet1 away"),
        (
            "interface Gi1\n vrf forwarding X",
            "line 2: it moves GigabitEthernet1 to another VRF, which clears its address",
        ),
        ("interface Gi1\n no ip nat outside", "line 2: it takes GigabitEthernet1 out of the guest's NAT"),
        (
            "interface Gi3\n ip access-group MINE in",
            "line 2: it replaces the list that keeps transit traffic from the platform's addresses",
        ),
        (
            "default interface Gi2",
            (
                "line 1: it takes from an interface what limpet has given it, the list that keeps transit traffic from the"
                " platform included"
            ),
        ),
        ("a\nreload\nb", "line 2: it ends the configuration: what follows it is not applied"),
        (
            "banner motd ^C\nhello",
            "line 1: a banner begins here and does not end: it takes in all that follows",
        ),
    ],
)
def test_a_line_that_touches_what_limpet_needs_is_told(text: str, expected: str) -> None:
    assert told(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "interface GigabitEthernet1\n description outside\n ip address dhcp\n no shutdown",
        "interface GigabitEthernet2\n shutdown",
        "interface GigabitEthernet2\n ip address 10.0.2.4 255.255.255.0\n ip access-group MINE out",
        "interface GigabitEthernet1\n!\nrouter bgp 65000\n neighbor 10.0.0.1 remote-as 1\n shutdown",
        "banner motd ^C\nno iox\n^C\nntp server 10.0.0.1",
        "banner motd #no iox#",
        "! no iox",
        "username bob privilege 15 secret x",
        "username alice2 privilege 15 secret x",
        "vrf definition GSX",
        "ip access-list extended MINE",
        "ip nat inside source list MINE interface GigabitEthernet1 overload",
    ],
)
def test_a_line_that_touches_nothing_is_not_told(text: str) -> None:
    assert told(text) == []


def test_the_guest_port_belongs_to_limpet() -> None:
    assert told("interface VirtualPortGroup 0\n ip address 1.2.3.4 255.255.255.0") == [
        "line 1: it changes the guest port (VirtualPortGroup0)",
        "line 2: it changes the guest port (VirtualPortGroup0)",
    ]


def test_a_line_that_is_told_is_still_applied() -> None:
    case = day_zero(environment(custom=b"Section: IOS configuration\nno iox\n"))
    assert case.configuration is not None
    assert "\nno iox\n" in case.configuration.reveal()
    assert [note.line for note in case.notes] == [2]


def test_the_published_example_of_a_vpn_is_not_remarked_on() -> None:
    assert [note.line for note in day_zero(environment(custom=SECTIONS), site(2)).notes] == [None]


def test_nothing_is_added_behind_a_banner_that_does_not_end() -> None:
    custom = b"Section: IOS configuration\ninterface Tunnel0\nbanner login %hello\n"
    case = day_zero(environment(custom=custom))
    assert case.configuration is not None
    assert "interface Tunnel0\n ip access-group" not in case.configuration.reveal()


def test_remarks_are_bounded() -> None:
    notes = told("no iox\n" * 1000)
    assert len(notes) == 65
    assert notes[-1] == "936 more remarks of this kind are left out"


@given(
    st.text(),
    st.lists(st.sampled_from(["banner motd ", "^C", "\n", "interface ", "Gi1", "shut", " ", "no ", "iox"])),
)
def test_any_lines_are_scanned(text: str, parts: list[str]) -> None:
    found = scanned(text + "".join(parts))
    assert all(each.command for each in found.commands)
    conflicts(found, user=text)
