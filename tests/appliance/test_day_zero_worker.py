"""The lease that a router's day 0 is made of: the boot stage takes it meanwhile, and it is waited for, but not for ever."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest
from tests.appliance.networkos.rigs import kernel, lease_for, site_for

from limpet.appliance.workers.day_zero import PATIENCE, SETTLING, site_here
from limpet.config.settings import Config
from limpet.guest.lease import SAVED_LEASE, render_lease

if TYPE_CHECKING:
    from tests.appliance.networkos.rigs import Rig

    from limpet.guest.lease import AcquiredLease
    from limpet.guest.site import Site


@pytest.fixture
def rig() -> Rig:
    made = kernel(site_for(2))
    made.machine.files.make_folder(SAVED_LEASE.parent)
    return made


def here(rig: Rig, patience: float = PATIENCE) -> Site | None:
    machine = rig.machine
    return site_here(
        Config(), machine.files, machine.commands, machine.kernel, machine.clock, patience=patience
    )


def keep(rig: Rig, lease: AcquiredLease) -> None:
    rig.machine.files.replace(SAVED_LEASE, render_lease(lease))


def address(rig: Rig, lease: AcquiredLease) -> None:
    rig.machine.commands.run(
        ("ip", "address", "add", f"{lease.address}/{lease.prefix}", "dev", lease.interface)
    )


def leases(site: Site | None) -> list[AcquiredLease]:
    assert site is not None
    return list(site.leases.values())


def test_a_lease_that_comes_while_it_is_waited_for_is_in_the_configuration(rig: Rig) -> None:
    lease, began = replace(lease_for(0), interface="eth0"), rig.machine.clock.monotonic()

    def given() -> None:
        address(rig, lease)
        keep(rig, lease)

    rig.machine.clock.after(7.0, given)
    assert [each.address for each in leases(here(rig))] == [lease.address]
    assert 7.0 <= rig.machine.clock.monotonic() - began < 9.0


def test_a_lease_of_another_time_is_none_and_nothing_is_waited_for_for_ever(rig: Rig) -> None:
    keep(rig, replace(lease_for(0), address=IPv4Address("10.9.9.9")))
    began = rig.machine.clock.monotonic()
    assert leases(here(rig)) == []
    assert rig.machine.clock.monotonic() - began < PATIENCE + 2.0


def test_where_the_network_is_there_without_a_lease_hardly_anything_is_waited_for(rig: Rig) -> None:
    address(rig, replace(lease_for(0), interface="eth0"))
    began = rig.machine.clock.monotonic()
    assert leases(here(rig)) == []
    assert rig.machine.clock.monotonic() - began < SETTLING + 1.0


def test_who_needs_no_lease_waits_for_none(rig: Rig) -> None:
    began = rig.machine.clock.monotonic()
    assert leases(here(rig, 0.0)) == []
    assert rig.machine.clock.monotonic() == began
