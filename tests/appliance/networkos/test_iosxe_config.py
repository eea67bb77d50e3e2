"""What the iosxe driver renders, read back by a parser of IOS configuration that is not ours."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING

import pytest
from hier_config import Platform, WorkflowRemediation, get_hconfig
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.appliance.networkos.iosxe_cases import (
    PASSWORD,
    SECTIONS,
    cases,
    day_zero,
    environment,
    rsa_key,
    site,
)

from limpet.appliance.networkos.iosxe.config import CUSTOM_BEGINS, CUSTOM_ENDS, gateway_change
from limpet.appliance.networkos.iosxe.names import host_name_of
from limpet.guest.site import GuestPort
from limpet.model.errors import MalformedDocument
from limpet.model.provisioning import PublicKey

if TYPE_CHECKING:
    from hier_config import HConfig, HConfigChild

    from limpet.appliance.networkos.iosxe.day_zero import IosXeDayZero


def parsed(case: IosXeDayZero) -> HConfig:
    """The whole configuration; custom data may open a section again, which the parser merges when told so."""
    assert case.configuration is not None
    ours, _, rest = case.configuration.reveal().partition(f"{CUSTOM_BEGINS}\n")
    theirs, _, after = rest.partition(f"{CUSTOM_ENDS}\n")
    whole = get_hconfig(Platform.CISCO_IOS, ours)
    for part in (theirs, after):
        if part.strip():
            whole.merge(get_hconfig(Platform.CISCO_IOS, part))
    return whole


def sections(config: HConfig) -> list[str]:
    return [child.text for child in config.children]


def below(config: HConfig, *path: str) -> list[str]:
    """What stands below a section; raises when it is not there."""
    node: HConfig | HConfigChild = config
    for text in path:
        node = node.children[text]
    return [child.text for child in node.children]


@pytest.mark.parametrize("count", [1, 3, 8])
def test_every_nic_has_its_interface_and_the_first_is_the_primary(count: int) -> None:
    config = parsed(day_zero(environment(), site(count)))
    found = [text for text in sections(config) if text.startswith("interface GigabitEthernet")]
    assert found == [f"interface GigabitEthernet{number}" for number in range(1, count + 1)]
    primary = below(config, "interface GigabitEthernet1")
    assert primary[0] == "description primary NIC 00:0d:3a:00:00:01"
    assert {"ip address dhcp", "ip nat outside", "no shutdown"} <= set(primary)
    for number in range(2, count + 1):
        other = below(config, f"interface GigabitEthernet{number}")
        assert other[0] == f"description NIC 00:0d:3a:00:00:0{number}"
        assert "shutdown" in other
        assert not [text for text in other if text.startswith(("ip address", "ip nat"))]


def test_the_guest_is_in_its_own_vrf_behind_nat_to_the_primary_interface() -> None:
    config = parsed(day_zero(environment(), site(2)))
    assert "address-family ipv4" in below(config, "vrf definition GS")
    assert below(config, "interface VirtualPortGroup0") == [
        "vrf forwarding GS",
        "ip address 192.168.35.1 255.255.255.0",
        "ip nat inside",
        "no shutdown",
    ]
    assert below(config, "ip access-list standard GS_NAT_ACL") == ["10 permit 192.168.35.0 0.0.0.255"]
    assert "ip nat inside source list GS_NAT_ACL interface GigabitEthernet1 vrf GS overload" in sections(
        config
    )
    assert "ip route vrf GS 0.0.0.0 0.0.0.0 GigabitEthernet1 10.0.1.1 global" in sections(config)


def test_the_guest_shell_has_its_address_gateway_and_name_servers() -> None:
    config = parsed(day_zero(environment(), site(dns=("10.0.0.53", "10.0.0.54"))))
    guest = "app-hosting appid guestshell"
    assert below(config, guest, "app-vnic gateway1 virtualportgroup 0 guest-interface 0") == [
        "guest-ipaddress 192.168.35.2 netmask 255.255.255.0"
    ]
    assert "app-default-gateway 192.168.35.1 guest-interface 0" in below(config, guest)
    assert [text for text in below(config, guest) if text.startswith("name-server")] == [
        "name-server0 10.0.0.53",
        "name-server1 10.0.0.54",
    ]
    assert "iox" in sections(config)


def test_without_name_servers_in_the_lease_the_platform_is_asked() -> None:
    texts = below(parsed(day_zero(environment())), "app-hosting appid guestshell")
    assert [text for text in texts if text.startswith("name-server")] == ["name-server0 168.63.129.16"]


def test_no_public_resolver_is_ever_named() -> None:
    for case in cases().values():
        text = case.configuration.reveal() if case.configuration else ""
        assert not re.search(r"name-server\d (?:8\.8|1\.1|9\.9)\.", text)


def test_transit_traffic_to_the_platform_is_dropped_on_every_nic_and_tunnel() -> None:
    config = parsed(day_zero(environment(custom=SECTIONS), site(3)))
    assert below(config, "ip access-list extended GS_TRANSIT_ACL") == [
        "10 deny ip any host 168.63.129.16",
        "20 deny ip any host 169.254.169.254",
        "30 permit ip any any",
    ]
    names = ["GigabitEthernet1", "GigabitEthernet2", "GigabitEthernet3", "Tunnel0"]
    for name in names:
        assert "ip access-group GS_TRANSIT_ACL in" in below(config, f"interface {name}")
    assert "ip access-group GS_TRANSIT_ACL in" not in below(config, "interface VirtualPortGroup0")


@pytest.mark.parametrize("own", ["ip access-group MINE in", "ip access-group 101 in"])
def test_a_list_that_custom_data_puts_on_its_tunnel_stays(own: str) -> None:
    custom = f"Section: IOS configuration\ninterface Tunnel7\n {own}\n".encode()
    assert below(parsed(day_zero(environment(custom=custom))), "interface Tunnel7") == [own]


def test_probes_on_another_nic_are_answered_by_its_gateway() -> None:
    config = parsed(day_zero(environment(), site(3)))
    assert "ip local policy route-map GS_PROBES" in sections(config)
    for number in (2, 3):
        assert below(config, f"ip access-list extended GS_PROBE_{number}") == [
            f"10 permit ip host 10.0.{number}.4 host 168.63.129.16"
        ]
        assert below(config, f"route-map GS_PROBES permit {number}0") == [
            f"match ip address GS_PROBE_{number}",
            f"set ip next-hop 10.0.{number}.1",
        ]


def test_a_router_with_one_nic_needs_no_policy_for_probes() -> None:
    assert not [text for text in sections(parsed(day_zero(environment()))) if "GS_PROBE" in text]


def test_a_nic_that_custom_data_configures_is_not_shut() -> None:
    custom = b"Section: IOS configuration\nint gi 2\n ip address dhcp\n"
    config = parsed(day_zero(environment(custom=custom), site(3)))
    assert "no shutdown" in below(config, "interface GigabitEthernet2")
    assert "shutdown" in below(config, "interface GigabitEthernet3")


def test_a_nic_of_which_custom_data_names_only_a_part_is_up() -> None:
    lines = b"Section: IOS configuration\ninterface Gi2.100\n encapsulation dot1Q 100\n"
    config = parsed(day_zero(environment(custom=lines), site(3)))
    assert "no shutdown" in below(config, "interface GigabitEthernet2")
    assert "shutdown" in below(config, "interface GigabitEthernet3")
    assert "ip access-group GS_TRANSIT_ACL in" in below(config, "interface GigabitEthernet2.100")


def test_a_password_is_in_the_configuration_as_type_nine_alone() -> None:
    (line,) = [text for text in sections(parsed(day_zero(environment()))) if text.startswith("username")]
    assert re.fullmatch(r"username alice privilege 15 secret 9 \$9\$\S{14}\$\S{43}", line)


def test_keys_are_given_as_ios_keeps_them() -> None:
    # key-hash is how IOS writes keys into its own configurations: the MD5 of the key, in capital letters.
    keys = (
        rsa_key(1),
        rsa_key(2),
        rsa_key(3),
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f a",
    )
    case = day_zero(environment(password=None, keys=keys, disable=True))
    texts = below(parsed(case), "ip ssh pubkey-chain", "username alice")
    assert [
        re.fullmatch(r"key-hash ssh-rsa [0-9A-F]{32} alice-([12])", text) is not None for text in texts[:2]
    ] == [True, True]
    assert "username alice privilege 15" in sections(parsed(case))
    assert "no ip ssh server authenticate user password" in sections(parsed(case))
    assert {note.problem for note in case.notes} == {
        "IOS takes RSA keys alone: 1 of another kind left out",
        "IOS takes 2 keys for a user: 1 left out",
    }


def test_passwords_stay_on_where_no_key_could_be_given() -> None:
    case = day_zero(environment(keys=("ssh-rsa non+sense!",), disable=True))
    assert "no ip ssh server authenticate user password" not in sections(parsed(case))
    assert [note.problem for note in case.notes] == [
        "a key is left out: what stands behind its type is not base64"
    ]


def test_a_key_by_thumbprint_is_told() -> None:
    asked = replace(environment(), public_keys=(PublicKey(path="/x"),))
    assert [note.problem for note in day_zero(asked).notes] == [
        "a key by the thumbprint of a certificate is not given to IOS; give it by value"
    ]


def test_nobody_can_log_in_without_password_and_key_and_that_is_told() -> None:
    notes = day_zero(environment(password=None)).notes
    assert [note.problem for note in notes] == [
        "the administrator has neither a password nor a key that IOS takes: nobody can log in"
    ]


def test_custom_data_comes_in_order_after_ours() -> None:
    case = day_zero(environment(custom=SECTIONS), site(2))
    assert case.configuration is not None
    text = case.configuration.reveal()
    _, _, rest = text.partition(f"{CUSTOM_BEGINS}\n")
    theirs, _, after = rest.partition(f"{CUSTOM_ENDS}\n")
    asked = SECTIONS.decode().partition("configuration\n")[2].partition("!\nend\n")[0]
    assert theirs == asked
    assert after == "!\ninterface Tunnel0\n ip access-group GS_TRANSIT_ACL in\n!\nend\n"
    assert text.count("\nend\n") == 1


def test_a_licence_is_configured_and_told_to_wait_for_a_reload() -> None:
    case = day_zero(environment(custom=b"Section: License\nTechPackage:appx\n"))
    assert "license boot level appx" in sections(parsed(case))
    assert [note.problem for note in case.notes] == ["the technology package holds from the next reload on"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("10.0.1.1", "10.0.9.1"),
        (None, "10.0.9.1"),
        ("10.0.1.1", None),
        ("10.0.1.1", "10.0.1.1"),
        (None, None),
    ],
)
def test_a_changed_gateway_is_the_change_that_another_tool_would_make(
    old: str | None, new: str | None
) -> None:
    before, after = (IPv4Address(each) if each else None for each in (old, new))

    def router(gateway: str | None) -> HConfig:
        held = site() if gateway else site(leases=False)
        case = day_zero(environment(), held)
        assert case.configuration is not None
        return get_hconfig(
            Platform.CISCO_IOS, case.configuration.reveal().replace("10.0.1.1", gateway or "10.0.1.1")
        )

    expected = WorkflowRemediation(router(old), router(new)).remediation_config
    assert sorted(gateway_change(before, after)) == sorted(child.text for child in expected.children)


ODD = st.text(max_size=24) | st.sampled_from(
    [
        "a\nusername eve privilege 15",
        "a\r\nend",
        "a!b",
        "a?",
        "a\x03b",
        "^C",
        "a b",
        " ",
        "\x1b[A",
        "\u2028x",
        "ä",
    ]
)


@settings(max_examples=60)
@given(ODD, ODD, ODD, ODD)
def test_no_name_or_key_breaks_out_of_its_line(host: str, user: str, domain: str, key: str) -> None:
    plain = parsed(day_zero(environment(host="r", user="u", keys=(rsa_key(),))))
    try:
        case = day_zero(environment(host=f"{host}.{domain}", user=user, keys=(rsa_key(), key)))
    except MalformedDocument:
        return
    config = parsed(case)
    assert f"hostname {host_name_of(f'{host}.{domain}')}" in sections(config)
    assert below(config, "ip ssh pubkey-chain") == [f"username {user}"]
    without = re.compile(r"hostname |ip domain name |username ")
    assert [text for text in sections(config) if not without.match(text)] == [
        text for text in sections(plain) if not without.match(text)
    ]
    assert len([text for text in sections(config) if text.startswith("username")]) == 1


@settings(max_examples=40)
@given(
    st.integers(1, 8),
    st.integers(8, 30),
    st.integers(0xA000000, 0xDFFFFFFF),
    st.lists(st.ip_addresses(v=4), max_size=7),
)
def test_any_site_is_read_back_as_it_was_asked_for(
    count: int, prefix: int, number: int, dns: list[IPv4Address]
) -> None:
    network = IPv4Interface((number, prefix)).network
    outer, inner = (IPv4Interface((network[place], prefix)) for place in (1, 2))
    held = site(count, port=GuestPort(outer_address=outer, inner_address=inner), dns=tuple(map(str, dns)))
    config = parsed(day_zero(environment(), held))
    assert f"ip address {outer.ip} {outer.netmask}" in below(config, "interface VirtualPortGroup0")
    assert below(config, "ip access-list standard GS_NAT_ACL") == [
        f"10 permit {network.network_address} {network.hostmask}"
    ]
    guest = "app-hosting appid guestshell"
    assert below(config, guest, "app-vnic gateway1 virtualportgroup 0 guest-interface 0") == [
        f"guest-ipaddress {inner.ip} netmask {inner.netmask}"
    ]
    servers = [text.split()[1] for text in below(config, guest) if text.startswith("name-server")]
    assert servers == [str(each) for each in dns[:5]] or (servers == ["168.63.129.16"] and not dns)
    assert len([text for text in sections(config) if text.startswith("interface Gi")]) == count


WORDS = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)
SECTION = st.builds(
    lambda kind, number, lines: (f"interface {kind}{number}", lines),
    st.sampled_from(["Tunnel", "Loopback", "Port-channel", "Vlan"]),
    st.integers(0, 99),
    st.lists(WORDS.map(lambda word: f"description {word}"), max_size=1),
)


@settings(max_examples=40)
@given(
    st.lists(SECTION, max_size=6, unique_by=lambda each: each[0]), st.lists(WORDS, max_size=4, unique=True)
)
def test_any_sections_of_custom_data_are_read_back(
    asked: list[tuple[str, list[str]]], servers: list[str]
) -> None:
    lines = [f"ntp server {server}" for server in servers]
    for name, inside in asked:
        lines += [name, *(f" {text}" for text in inside), "!"]
    custom = "Section: IOS configuration\n" + "".join(f"{line}\n" for line in lines)
    config = parsed(day_zero(environment(custom=custom.encode()), site(2)))
    for name, inside in asked:
        guarded = [] if "Loopback" in name else ["ip access-group GS_TRANSIT_ACL in"]
        assert below(config, name) == [*inside, *guarded]
    assert {f"ntp server {server}" for server in servers} <= set(sections(config))
    assert {"hostname router-1", "iox", "interface GigabitEthernet2"} <= set(sections(config))


def test_the_password_is_nowhere_but_in_its_secret() -> None:
    case = day_zero(environment())
    assert PASSWORD not in repr(case)
    assert case.configuration is not None
    assert PASSWORD not in case.configuration.reveal()
