"""Leases of NICs besides the primary one: what boot has got on the way is used at once, and what it has not is asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest
from tests.appliance.networkos.iosxe_cases import VM_ID, environment
from tests.appliance.networkos.rigs import kernel, lease_for, mac_of, site_for
from tests.appliance.networkos.test_iosxe_config import below, parsed, sections
from tests.appliance.simulation.looking import appliance, flows
from tests.appliance.simulation.networks import NOS
from tests.appliance.simulation.workers import lease_of
from tests.appliance.simulation.world import PRIMARY, SECOND, World

from limpet.appliance.networkos.hooks import documents
from limpet.appliance.networkos.hooks.verbs import Verb
from limpet.appliance.networkos.iosxe.day_zero import plan_day_zero
from limpet.appliance.states import State
from limpet.appliance.workers.asking import ALL, Asking, with_others
from limpet.appliance.workers.day_zero import PATIENCE, site_here
from limpet.config.settings import Config
from limpet.guest.lease import SAVED_LEASE, render_lease
from limpet.guest.site import Nic
from limpet.guest.translation import DayZero
from limpet.host.facts.namespaces import look
from limpet.host.fake import FakeMachine
from limpet.host.fake_links import FakeDhcpServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.appliance.networkos.rigs import Rig

    from limpet.guest.lease import AcquiredLease
    from limpet.guest.site import Site


@pytest.fixture
def world() -> Iterator[World]:
    made = World(kernel=True, asked_by_boot=(SECOND,))
    yield made
    made.close()


def addresses(world: World, mac: str) -> list[str]:
    seen = look(world.machine.files, world.machine.commands, (NOS,))
    ((place, link),) = seen.of_mac(mac)
    assert place == NOS
    return [str(each) for each in link.addresses]


# The supervisor


def test_a_secondary_nic_has_its_address_before_the_primary_one_moves(world: World) -> None:
    world.reach(State.CONFIRMING)
    assert addresses(world, SECOND) == [str(world.fabric.leases[SECOND])]
    flows(world)


def test_without_one_it_has_it_as_soon_as_dhcp_goes_on(world: World) -> None:
    world.asked_by_boot = ()
    world.reach(State.CONFIRMING)
    assert addresses(world, SECOND) == []
    assert world.live(10.0, lambda: addresses(world, SECOND) == [str(world.fabric.leases[SECOND])])


def test_dhcp_goes_on_for_it_and_what_it_gives_then_counts(world: World) -> None:
    world.reach(State.CONFIRMING)
    changed = replace(lease_of(world, SECOND, "eth1"), address=IPv4Address("10.0.1.77"))
    world.children.programs["limpet.appliance.workers.dhcp"] = lambda child: child.end(
        0,
        render_lease(
            changed if child.arguments[0] == SECOND else lease_of(world, child.arguments[0], "eth0")
        ),
    )
    assert world.live(10.0, lambda: addresses(world, SECOND) == ["10.0.1.77/24"])
    world.restart()
    world.reach(State.CONFIRMING)
    assert addresses(world, SECOND) == ["10.0.1.4/24"], "boot has asked again, and later"


@pytest.mark.parametrize(
    ("older", "seconds", "mac"),
    [(True, None, SECOND), (False, 1, SECOND), (False, None, "00:15:5d:00:00:99")],
)
def test_a_lease_that_is_older_has_ended_or_is_of_no_nic_is_left_alone(
    world: World, older: bool, seconds: int | None, mac: str
) -> None:
    world.reach(State.STEADY)
    world.live(10.0)
    known = appliance(world).chronicle.leases
    now = world.time.now()
    lease = replace(
        lease_of(world, SECOND, "eth1"),
        mac=mac.replace(":", ""),
        address=IPv4Address("10.0.1.99"),
        obtained=now - 7 * 24 * 3600.0 if older else now,
        seconds=seconds,
    )
    world.put(SAVED_LEASE, render_lease(lease_of(world, PRIMARY, "eth0"), [lease]))
    world.files.sync()
    world.asked_by_boot = ()
    world.fabric.dhcp_silent = world.time.monotonic() + 600.0
    world.restart()
    world.reach(State.CONFIRMING)
    assert appliance(world).chronicle.leases.keys() == known.keys()
    assert addresses(world, SECOND) == [str(world.fabric.leases[SECOND])]


# A router's day 0


@pytest.fixture
def rig() -> Rig:
    made = kernel(site_for(3))
    made.machine.files.make_folder(SAVED_LEASE.parent)
    return made


def saved(rig: Rig, *numbers: int, seconds: int = 3600) -> tuple[AcquiredLease, ...]:
    now = rig.machine.clock.now()
    return tuple(replace(lease_for(each), obtained=now - 60.0, seconds=seconds) for each in numbers)


def here(rig: Rig) -> Site:
    machine = rig.machine
    machine.commands.run(("ip", "address", "add", "10.0.0.16/24", "dev", "eth0"))
    found = site_here(
        Config(), machine.files, machine.commands, machine.kernel, machine.clock, patience=PATIENCE
    )
    assert found is not None
    return found


def test_probes_of_every_nic_that_boot_has_a_lease_of_are_answered_by_its_gateway(rig: Rig) -> None:
    primary, *others = saved(rig, 0, 1)
    rig.machine.files.replace(SAVED_LEASE, render_lease(primary, others))
    plan = plan_day_zero(DayZero(vm_id=VM_ID, environment=environment()), here(rig))
    config = parsed(plan)
    assert "ip local policy route-map GS_PROBES" in sections(config)
    assert below(config, "ip access-list extended GS_PROBE_2") == [
        "10 permit ip host 10.0.1.16 host 168.63.129.16"
    ]
    assert "set ip next-hop 10.0.1.1" in below(config, "route-map GS_PROBES permit 20")
    said = [note.problem for note in plan.notes]
    assert not [each for each in said if "GigabitEthernet2" in each]
    assert (
        "GigabitEthernet3 has no lease that can be used: health probes on it are answered by the routing table"
        in said
    )


def routeless(lease: AcquiredLease, address: str, prefix: int) -> AcquiredLease:
    return replace(lease, routes=(), address=IPv4Address(address), prefix=prefix)


@pytest.mark.parametrize(
    ("address", "prefix", "gateway"),
    [
        ("10.0.1.16", 24, "10.0.1.1"),
        ("10.0.1.77", 26, "10.0.1.65"),
        ("10.0.1.6", 29, "10.0.1.1"),
        ("10.0.1.1", 24, None),
        ("10.0.1.6", 30, None),
        ("10.0.1.6", 32, None),
    ],
)
def test_a_lease_without_a_gateway_has_the_platforms_in_its_subnet(
    address: str, prefix: int, gateway: str | None
) -> None:
    """The platform names none in leases of secondary NICs."""
    made = site_for(2)
    leases = {**made.leases, mac_of(1): routeless(lease_for(1), address, prefix)}
    plan = plan_day_zero(DayZero(vm_id=VM_ID, environment=environment()), replace(made, leases=leases))
    config, said = parsed(plan), " ".join(note.problem for note in plan.notes)
    assert ("the lease of GigabitEthernet2 names no gateway" in said) == (gateway is not None)
    if gateway is None:
        assert "ip local policy route-map GS_PROBES" not in sections(config)
        assert "GigabitEthernet2 has no lease" in said
    else:
        assert f"set ip next-hop {gateway}" in below(config, "route-map GS_PROBES permit 20")


def test_a_primary_nic_without_a_gateway_gets_none_that_nobody_has_named() -> None:
    made = site_for(1)
    leases = {mac_of(0): routeless(lease_for(0), "10.0.0.16", 24)}
    plan = plan_day_zero(DayZero(vm_id=VM_ID, environment=environment()), replace(made, leases=leases))
    assert not [line for line in sections(parsed(plan)) if line.startswith("ip route vrf")]


def test_a_lease_of_another_nic_that_has_ended_is_not_written_into_a_router(rig: Rig) -> None:
    primary, *others = saved(rig, 0, 1, seconds=30)
    rig.machine.files.replace(SAVED_LEASE, render_lease(primary, others))
    assert set(here(rig).leases) == {mac_of(0)}


def cards(count: int, *, server: FakeDhcpServer | None = None, up: bool = False) -> FakeMachine:
    machine = FakeMachine()
    for number in range(count):
        given = server or FakeDhcpServer(address=IPv4Address(f"10.0.{number}.16"))
        machine.links.add(f"eth{number}", mac_of(number).replace(":", ""), server=given, up=up)
    return machine


def asking(machine: FakeMachine) -> Asking:
    return Asking(machine.links, machine.files, machine.clock, machine.chance)


def test_nics_that_boot_has_not_asked_are_asked_for_it_and_are_down_again() -> None:
    machine = cards(3)
    site = replace(site_for(3), leases={mac_of(0): lease_for(0)})
    found = with_others(site, asking(machine))
    assert {mac: str(lease.address) for mac, lease in found.leases.items()} == {
        mac_of(0): "10.0.0.16",
        mac_of(1): "10.0.1.16",
        mac_of(2): "10.0.2.16",
    }
    assert machine.links.brought == [("eth1", True), ("eth1", False), ("eth2", True), ("eth2", False)]
    assert machine.links.open == 0


def test_one_that_was_up_stays_so() -> None:
    machine = cards(2, up=True)
    with_others(replace(site_for(2), leases={mac_of(0): lease_for(0)}), asking(machine))
    assert machine.links.brought == []


def test_subnets_without_dhcp_do_not_hold_boot_up() -> None:
    machine = cards(16, server=FakeDhcpServer(quiet=True))
    site = replace(site_for(16), leases={mac_of(0): lease_for(0)})
    began = machine.clock.monotonic()
    assert with_others(site, asking(machine)).leases == site.leases
    assert machine.clock.monotonic() - began < ALL + 1.5
    brought = machine.links.brought
    assert sorted(name for name, up in brought if up) == sorted(name for name, up in brought if not up)


@pytest.mark.parametrize("broken", ["eth1", "eth9"])
def test_a_nic_that_cannot_be_asked_is_passed_over(broken: str) -> None:
    machine = cards(3)
    machine.links.broken["eth1"] = "Network is down"
    asked = asking(machine)
    assert asked.lease(Nic(name=broken, mac=mac_of(1))) is None
    assert asked.lease(Nic(name="eth2", mac=mac_of(2))) is not None


def test_where_the_primary_nic_has_no_lease_nobody_is_asked() -> None:
    machine = cards(3)
    site = replace(site_for(3), leases={})
    assert with_others(site, asking(machine)) is site
    assert machine.links.brought == []


# A vendor's programs


def test_a_vendors_programs_are_told_the_leases_of_all_nics_or_that_of_theirs() -> None:
    site = site_for(3)
    without = replace(site, leases={mac: lease for mac, lease in site.leases.items() if mac != mac_of(2)})
    told = json.loads(documents.request(Verb.START, without))
    assert {each["mac"]: each["address"] for each in told["leases"]} == {
        mac_of(1): "10.0.1.16/24",
        mac_of(0): "10.0.0.16/24",
    }
    assert told["leases"][0].keys() == {"mac", "address", "routes", "dns", "domain"}
    nic = without.nics[0]
    of_one = json.loads(documents.nic_request(Verb.DRESS, nic, without.leases[nic.mac], without))
    assert of_one["lease"]["address"] == "10.0.1.16/24"
    assert "leases" not in of_one
