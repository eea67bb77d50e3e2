"""A fabric that a setting places elsewhere (fabric.endpoint): it leads wherever the platform's addresses matter."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest
from tests.appliance.networkos import iosxe_cases
from tests.appliance.networkos.rigs import Rig, kernel, lease_for, site_for
from tests.appliance.networkos.test_iosxe_config import below, parsed

from limpet.appliance.inventory import site_of
from limpet.appliance.networkos import addressing, rules
from limpet.appliance.networkos.contract import Health
from limpet.appliance.networkos.hooks import documents
from limpet.appliance.networkos.hooks.verbs import Verb
from limpet.config.settings import Config
from limpet.guest import firewall
from limpet.host.fake_network import MAIN
from limpet.model.addresses import METADATA, PLATFORM, WIRE_SERVER

if TYPE_CHECKING:
    from limpet.guest.site import Site

SET, GIVEN = IPv4Address("192.0.2.16"), IPv4Address("192.0.2.77")
SERVICE = IPv4Address("192.0.2.254")


def placed(count: int = 2) -> Site:
    """The setting says one address, DHCP another one."""
    made = site_for(count)
    leases = {mac: replace(lease, wire_server=GIVEN) for mac, lease in made.leases.items()}
    return replace(made, leases=leases, endpoint=SET)


@pytest.fixture
def rig() -> Rig:
    made = kernel(placed())
    made.hand_over()
    return made


@pytest.mark.parametrize(
    ("endpoint", "metadata", "wire_server", "platform"),
    [
        (None, "169.254.169.254", WIRE_SERVER, PLATFORM),
        ("192.0.2.16", "169.254.169.254", SET, (*PLATFORM, SET)),
        ("192.0.2.16", "192.0.2.254:8080", SET, (*PLATFORM, SET, SERVICE)),
        ("fabric.example", "imds.example:80", WIRE_SERVER, PLATFORM),
        ("127.0.0.1", "127.0.0.1:8080", WIRE_SERVER, PLATFORM),
        ("168.63.129.16", "169.254.169.254:80", WIRE_SERVER, PLATFORM),
    ],
)
def test_an_address_in_a_setting_is_the_platforms_and_a_name_or_loopback_is_not(
    endpoint: str | None, metadata: str, wire_server: IPv4Address, platform: tuple[IPv4Address, ...]
) -> None:
    made = site_for(2)
    config = Config(fabric_endpoint=endpoint, metadata_endpoint=metadata)
    found = site_of(made.nics, made.leases, config, "router")
    assert (found.wire_server, found.platform) == (wire_server, platform)


def test_the_setting_wins_over_dhcp_and_both_are_guarded() -> None:
    assert placed().wire_server == SET
    assert placed().platform == (*PLATFORM, SET, GIVEN)
    assert replace(placed(), endpoint=None).wire_server == GIVEN


@pytest.mark.parametrize("where", ["guest", "network_os"])
def test_only_root_opens_connections_to_it(rig: Rig, where: str) -> None:
    tables = rig.network.namespaces[getattr(rig.site, where)].tables
    assert f"ip daddr {SET} tcp dport != 53 meta skuid != 0" in tables[firewall.TABLE]
    assert str(GIVEN) not in tables[firewall.TABLE]


@pytest.mark.parametrize("table", [rules.FORWARD, rules.TRANSIT])
def test_transit_to_it_is_dropped_like_transit_to_the_well_known_ones(rig: Rig, table: str) -> None:
    listed = ", ".join(map(str, (*PLATFORM, SET, GIVEN)))
    assert (
        f"ip daddr {{ {listed} }} counter drop" in rig.network.namespaces[rig.site.network_os].tables[table]
    )


def test_every_nic_has_a_route_to_it_in_its_own_table_and_the_primary_one_in_everybodys(rig: Rig) -> None:
    routes = [each for each in rig.network.namespaces[rig.site.network_os].routes if SET in each.destination]
    found = {(each.device, each.table) for each in routes if each.destination.prefixlen == 32}
    primary, other = rig.site.primary, rig.site.nics[0]
    assert found == {
        ("eth0", MAIN),
        ("eth0", addressing.table_of(primary)),
        ("eth1", addressing.table_of(other)),
    }


def test_the_guest_goes_to_it_by_the_network_os(rig: Rig) -> None:
    routes = rig.network.namespaces[rig.site.guest].routes
    (found,) = [each for each in routes if each.destination.prefixlen == 32 and SET in each.destination]
    assert found.gateway == rig.site.port.outer_address.ip


def test_a_fabric_at_the_guest_port_itself_needs_no_route() -> None:
    made = site_for(1)
    rig = kernel(replace(made, endpoint=made.port.outer_address.ip))
    rig.hand_over()
    routes = rig.network.namespaces[rig.site.guest].routes
    assert not [each for each in routes if str(each.destination) == "192.168.35.1/32"]
    machine = rig.machine
    assert rig.driver.health(rig.site, machine.files, machine.commands, deep=True).health is Health.HEALTHY


def test_the_way_to_it_is_what_is_looked_at(rig: Rig) -> None:
    space = rig.network.namespaces[rig.site.network_os]
    machine = rig.machine
    found = rig.driver.health(rig.site, machine.files, machine.commands, deep=True)
    assert found.health is Health.HEALTHY
    space.routes[:] = [
        each for each in space.routes if each.table != MAIN or str(each.destination) == f"{WIRE_SERVER}/32"
    ]
    found = rig.driver.health(rig.site, machine.files, machine.commands, deep=True)
    assert (found.health, found.problem) == (
        Health.WOUNDED,
        f"there is no route to {SET} by eth0 in {rig.site.network_os}",
    )


def test_a_setting_that_is_new_dresses_a_nic_anew() -> None:
    rig = kernel(site_for(1))
    rig.hand_over()
    nic = rig.site.primary
    assert rig.driver.dress(nic, lease_for(0), rig.site, rig.seen()) == ()
    moved = replace(rig.site, endpoint=SET)
    rig.do(rig.driver.dress(nic, lease_for(0), moved, rig.seen()))
    assert rig.driver.dress(nic, lease_for(0), moved, rig.seen()) == ()


def test_a_vendors_programs_are_told_of_it() -> None:
    told = json.loads(documents.request(Verb.PROTECT, placed()))
    assert told["platform"] == [str(WIRE_SERVER), str(METADATA), str(SET), str(GIVEN)]


def test_a_router_guards_it_and_answers_its_probes_on_their_nic() -> None:
    made = replace(iosxe_cases.site(2), endpoint=SET)
    config = parsed(iosxe_cases.day_zero(iosxe_cases.environment(), made))
    assert below(config, "ip access-list extended GS_TRANSIT_ACL") == [
        "10 deny ip any host 168.63.129.16",
        "20 deny ip any host 169.254.169.254",
        "30 deny ip any host 192.0.2.16",
        "40 permit ip any any",
    ]
    assert below(config, "ip access-list extended GS_PROBE_2") == [
        "10 permit ip host 10.0.2.4 host 168.63.129.16",
        "20 permit ip host 10.0.2.4 host 192.0.2.16",
    ]
