"""The embedded network OS on a fake network: addresses, routes, NAT and rules, and what becomes of them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest
from tests.appliance.networkos.rigs import Rig, kernel, lease_for, mac_of, site_for

from limpet.appliance.networkos import addressing, moving, rules
from limpet.appliance.networkos.contract import Health
from limpet.appliance.networkos.kernel import KernelNetworkOs
from limpet.appliance.networkos.rule_watch import RuleWatch
from limpet.guest import firewall
from limpet.guest.namespaces import HOST
from limpet.host.fake_network import MAIN, FakeNamespace, FakeRoute
from limpet.model.addresses import METADATA, WIRE_SERVER
from limpet.model.errors import HostError


@pytest.fixture
def rig() -> Rig:
    made = kernel(site_for(2))
    made.hand_over()
    return made


def inside(rig: Rig) -> FakeNamespace:
    return rig.network.namespaces[rig.site.network_os]


def without_route_to(rig: Rig, address: IPv4Address) -> None:
    """An operator has one of his own, by another link; the default route would serve."""
    near = IPv4Network(address)
    inside(rig).routes[:] = [
        each for each in inside(rig).routes if each.table != MAIN or each.destination != near
    ]
    inside(rig).routes.append(FakeRoute(destination=near, device="vpg0", gateway=None, protocol="static"))


def routes(rig: Rig, table: int = MAIN) -> set[tuple[str, str, str]]:
    return {
        (str(each.destination), str(each.gateway), each.device)
        for each in inside(rig).routes
        if each.table == table and each.protocol == "dhcp"
    }


def test_the_way_out_and_to_the_platform_is_by_the_primary_nic(rig: Rig) -> None:
    assert routes(rig) == {
        ("0.0.0.0/0", "10.0.0.1", "eth0"),
        ("168.63.129.16/32", "10.0.0.1", "eth0"),
        ("169.254.169.254/32", "10.0.0.1", "eth0"),
    }


def test_what_a_nic_is_asked_it_answers_by_its_own_gateway(rig: Rig) -> None:
    for number, nic in ((0, rig.site.primary), (1, rig.site.nics[0])):
        table = addressing.table_of(nic)
        assert ("168.63.129.16/32", f"10.0.{number}.1", f"eth{number}") in routes(rig, table)
        assert ("0.0.0.0/0", f"10.0.{number}.1", f"eth{number}") in routes(rig, table)
        sources = [str(each.source) for each in inside(rig).rules if each.table == table]
        guest = [f"{rig.site.port.inner_address.ip}/32"] if nic.primary else []
        assert sorted(sources) == [f"10.0.{number}.16/32", *guest]
    to_guest = next(each for each in inside(rig).rules if each.destination is not None)
    assert to_guest.priority < min(each.priority for each in inside(rig).rules if each.source is not None)
    assert to_guest.destination == rig.site.port.outer_address.network


def test_nat_is_loaded_before_the_primary_nic_goes_and_to_its_address() -> None:
    rig = kernel(site_for(1))
    rig.start()
    assert (
        f"oifgroup {moving.PRIMARY_GROUP} ip saddr 192.168.35.0/24 snat to 10.0.0.16"
        in (inside(rig).tables[rules.NAT])
    )
    rig.claim(rig.site.primary)
    steps = rig.driver.dress(rig.site.primary, lease_for(0), rig.site, rig.seen())
    assert len(steps) == 1, "one process while the status gap counts"
    rig.do(steps)
    assert rig.link(rig.site.primary).group == moving.PRIMARY_GROUP


def test_only_the_primary_nic_is_in_the_group_that_nat_is_for(rig: Rig) -> None:
    assert rig.link(rig.site.nics[0]).group == 0
    rig.take_back()
    assert rig.link(rig.site.primary).group == 0


def test_a_new_address_leaves_nothing_of_the_old_one(rig: Rig) -> None:
    primary = rig.site.primary
    new = lease_for(0, address="10.0.7.9", gateway="10.0.7.1")
    rig.do(rig.driver.dress(primary, new, rig.site, rig.seen()))
    assert [each for each, _ in rig.link(primary).addresses] == [IPv4Interface("10.0.7.9/24")]
    space = inside(rig)
    told = f"{space.routes} {space.rules} {space.tables}"
    assert "10.0.0." not in told
    assert "snat to 10.0.7.9" in space.tables[rules.NAT]
    rig.site = replace(rig.site, leases={**rig.site.leases, primary.mac: new})
    assert rig.driver.dress(primary, new, rig.site, rig.seen()) == ()


def test_a_new_gateway_takes_the_place_of_the_old_one(rig: Rig) -> None:
    new = lease_for(0, gateway="10.0.0.254")
    rig.do(rig.driver.dress(rig.site.primary, new, rig.site, rig.seen()))
    assert not any(each.gateway == IPv4Address("10.0.0.1") for each in inside(rig).routes)
    assert ("0.0.0.0/0", "10.0.0.254", "eth0") in routes(rig)


def test_addresses_and_routes_of_an_operator_stay(rig: Rig) -> None:
    primary = rig.link(rig.site.primary)
    rig.network.add_address(rig.site.network_os, primary, IPv4Interface("10.0.0.99/24"), "eth0")
    theirs = FakeRoute(
        destination=IPv4Network("10.99.0.0/16"),
        device="eth0",
        gateway=IPv4Address("10.0.0.5"),
        protocol="static",
    )
    inside(rig).routes.append(theirs)
    assert rig.driver.dress(rig.site.primary, lease_for(0), rig.site, rig.seen()) == ()
    rig.do(rig.driver.dress(rig.site.primary, lease_for(0, address="10.0.0.77"), rig.site, rig.seen()))
    assert {str(each.ip) for each, _ in primary.addresses} == {"10.0.0.99", "10.0.0.77"}
    assert theirs in inside(rig).routes


def test_an_address_that_somebody_gave_already_becomes_the_leases() -> None:
    rig = kernel(site_for(1))
    rig.start()
    rig.claim(rig.site.primary)
    link = rig.link(rig.site.primary)
    rig.network.add_address(rig.site.network_os, link, IPv4Interface("10.0.0.16/24"), "eth0")
    rig.dress(rig.site.primary)
    assert rig.driver.dress(rig.site.primary, lease_for(0), rig.site, rig.seen()) == ()
    assert len(link.addresses) == 1


def test_a_nic_without_a_lease_is_only_brought_up() -> None:
    site = replace(site_for(2), leases={})
    rig = kernel(site)
    rig.hand_over()
    assert all(rig.link(nic).up and not rig.link(nic).addresses for nic in site.nics)
    assert "snat" not in inside(rig).tables[rules.NAT]


def test_a_lease_without_a_gateway_reaches_the_platform_directly() -> None:
    lease = replace(lease_for(0), routes=())
    rig = kernel(replace(site_for(1), leases={mac_of(0): lease}))
    rig.hand_over()
    assert ("168.63.129.16/32", "None", "eth0") in routes(rig)


def test_a_name_that_is_taken_is_changed_and_given_back() -> None:
    rig = kernel(site_for(1))
    rig.start()
    rig.network.add_bridge("eth0", rig.site.network_os)
    rig.claim(rig.site.primary)
    rig.dress(rig.site.primary)
    assert rig.link(rig.site.primary).name == "nic000010"
    assert ("0.0.0.0/0", "10.0.0.1", "nic000010") in routes(rig)
    rig.release(rig.site.primary)
    assert rig.linux() == {("eth0", mac_of(0), True)}


def test_a_name_too_long_for_a_label_is_changed() -> None:
    site = site_for(1)
    rig = kernel(replace(site, nics=(replace(site.primary, name="enP12345p0s1"),)))
    rig.hand_over()
    rig.take_back()
    assert rig.linux() == {("enP12345p0s1", mac_of(0), True)}


def test_a_nic_whose_old_name_is_taken_in_linux_comes_back_under_another(rig: Rig) -> None:
    rig.network.add_bridge("eth0", HOST)
    rig.release(rig.site.primary)
    assert ("nic000010", mac_of(0), True) in rig.linux()


def test_a_virtual_function_that_does_not_serve_yet_is_not_taken_for_the_nic() -> None:
    rig = kernel(site_for(1, vfs=True))
    for link in rig.network.namespaces[HOST].links:
        link.vf = False
    rig.start()
    rig.claim(rig.site.primary)
    rig.dress(rig.site.primary)
    dressed = [link.name for link in inside(rig).links if link.addresses and link.kind is None]
    assert dressed == ["eth0"]
    assert {link.name for link in inside(rig).links} == {"eth0", "enP0", "vpg0"}


def test_a_vlan_or_bridge_over_a_nic_is_not_taken_for_it() -> None:
    rig = kernel(site_for(1))
    rig.network.add_bridge("br0", HOST)
    next(link for link in rig.network.namespaces[HOST].links if link.name == "br0").mac = mac_of(0)
    rig.hand_over()
    assert rig.holds(rig.site.primary)
    assert {link.name for link in rig.network.namespaces[HOST].links} == {"br0"}


@pytest.mark.parametrize(
    ("harm", "cause"),
    [
        (lambda rig: inside(rig).settings.update({"net.ipv4.ip_forward": "0"}), "forwarding"),
        (lambda rig: rig.network.delete_link("vpg0", rig.site.network_os), "guest-port"),
        (lambda rig: inside(rig).routes.clear(), "routes"),
        (lambda rig: without_route_to(rig, WIRE_SERVER), "routes"),
        (lambda rig: without_route_to(rig, METADATA), "routes"),
    ],
)
def test_what_is_broken_is_said_and_put_right(rig: Rig, harm: object, cause: str) -> None:
    assert callable(harm)
    harm(rig)
    machine = rig.machine
    pulse = rig.driver.health(rig.site, machine.files, machine.commands, deep=True)
    assert (pulse.health, pulse.cause) == (Health.WOUNDED, cause)
    assert all(rig.holds(nic) for nic in rig.site.nics)
    rig.apply(rig.driver.revive(rig.site, rig.seen(), pulse))
    again = rig.driver.health(rig.site, machine.files, machine.commands, deep=True)
    assert again.health is Health.HEALTHY, again.problem
    assert all(rig.holds(nic) for nic in rig.site.nics)


def test_before_it_has_a_nic_a_missing_route_is_no_fault() -> None:
    rig = kernel(site_for(1))
    rig.start()
    machine = rig.machine
    assert rig.driver.health(rig.site, machine.files, machine.commands, deep=True).health is Health.HEALTHY


def test_rules_are_replaced_whole_and_nobody_elses_are_touched(rig: Rig) -> None:
    space = inside(rig)
    before = dict(space.tables)
    space.tables["somebody"] = "    chain theirs {\n    }\n"
    space.tables[rules.FORWARD] += "    chain intruder {\n    }\n"
    rig.do(rig.driver.protect(rig.site))
    assert space.tables == {**before, "somebody": "    chain theirs {\n    }\n"}
    assert set(before) == {firewall.TABLE, rules.FORWARD, rules.TRANSIT, rules.NAT}
    assert set(rig.network.namespaces[rig.site.guest].tables) == {firewall.TABLE}


def test_changed_rules_are_noticed_and_rules_of_others_are_not_ours(rig: Rig) -> None:
    watch, commands = RuleWatch(), rig.machine.commands
    protecting = rig.driver.protect(rig.site)
    assert watch.lost(protecting, commands), "nothing is known yet"
    watch.loaded(protecting, commands)
    assert not watch.lost(protecting, commands)
    inside(rig).tables["somebody"] = ""
    assert not watch.lost(protecting, commands)
    for name in (rules.FORWARD, rules.TRANSIT, rules.NAT, firewall.TABLE):
        kept = inside(rig).tables.pop(name)
        assert watch.lost(protecting, commands), name
        inside(rig).tables[name] = kept + "    chain more {\n    }\n"
        assert watch.lost(protecting, commands), name
        inside(rig).tables[name] = kept
    del rig.network.namespaces[rig.site.guest].tables[firewall.TABLE]
    assert watch.lost(protecting, commands)
    with pytest.raises(HostError):
        watch.loaded(protecting, commands)


def test_a_wire_server_elsewhere_is_guarded_like_the_well_known_one() -> None:
    lease = replace(lease_for(0), wire_server=IPv4Address("10.77.0.1"))
    rig = kernel(replace(site_for(1), leases={mac_of(0): lease}))
    rig.hand_over()
    for name in (rules.FORWARD, rules.TRANSIT):
        assert "ip daddr { 168.63.129.16, 169.254.169.254, 10.77.0.1 }" in inside(rig).tables[name]
    guests = rig.network.namespaces[rig.site.guest].tables[firewall.TABLE]
    assert "ip daddr 10.77.0.1 tcp dport != 53" in guests, "as the agent there will have it"


@pytest.mark.parametrize("line", ["route show", "link show eth0", f"route get {WIRE_SERVER}"])
def test_commands_that_look_are_taken(line: str) -> None:
    assert KernelNetworkOs().command(line).argv[:3] == ("ip", "-netns", "limpet-nos")


@pytest.mark.parametrize(
    "line", ["", "route", "netns exec x sh", "-batch /etc/shadow", "route del default", "link set eth0 down"]
)
def test_commands_that_change_are_refused(line: str) -> None:
    with pytest.raises(HostError, match="commands that look"):
        KernelNetworkOs().command(line)


def test_the_table_of_a_nic_is_its_own_and_none_that_the_kernel_uses() -> None:
    tables = {addressing.table_of(nic) for nic in site_for(16).nics}
    assert len(tables) == 16
    assert min(tables) > 0x3FFFFFFF
    assert max(tables) < 1 << 32
