"""VMs of a pool on a machine in memory: what they say and when, and how they come out of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.boot.pools import IN_POOL, OUTSIDE, RECORD, Pool, Stuck, is_alices, phases, polls, pool_wish, whole
from tests.boot.whole import DISC, VM_ID, WISH, Vm

from limpet.host.fake_devices import by_the_kernel
from limpet.model.provisioning import PlatformSettings

BOTH = pytest.mark.parametrize("kind", ["Running", "Savable"])


@BOTH
def test_a_vm_of_a_pool_says_ready_waits_and_becomes_somebodys(kind: str) -> None:
    pool = Pool.new(kind)
    result = pool.vm.boot()
    whole(pool, result)
    assert pool.vm.reports == ["Ready", "Provisioning", "Ready"]
    assert list(result.reported) == ["ReadyForPool", "Provisioning", "Ready"]
    assert result.source == "reprovision data"
    assert any("in a pool" in note for note in result.notes)
    assert phases(pool) == ["telling", "leaving", "asking", "given"]
    assert pool.vm.machine.devices.ejected == [DISC]


@BOTH
def test_nothing_is_polled_and_nothing_of_an_owner_is_there_while_it_waits(kind: str) -> None:
    pool = Pool.new(kind, after=20 * 24 * 3600.0)
    seen: list[tuple[int, int, str, str]] = []

    def look() -> None:
        vm = pool.vm
        seen.append((len(vm.core.asked), vm.machine.battery.spent, vm.text("/etc/passwd"), vm.text(RECORD)))

    for day in (1, 19):
        pool.vm.machine.clock.after(day * 24 * 3600.0, look)
    passwd = pool.vm.text("/etc/passwd")
    whole(pool, pool.vm.boot())
    assert seen[0] == seen[1]
    assert seen[0][2] == passwd
    record = json.loads(seen[0][3])
    assert (record["kind"], record["vmId"], record["boot"], record["told"]) == (kind, VM_ID, "boot-1", True)


@BOTH
def test_the_network_of_the_pool_is_left_behind(kind: str) -> None:
    pool = Pool.new(kind)
    result = pool.vm.boot()
    assert result.interface == {"Running": "eth0", "Savable": "eth1"}[kind]
    assert str(IN_POOL) not in pool.vm.text("/proc/net/fib_trie")
    assert json.loads(pool.vm.text("/var/lib/limpet/lease.json"))["address"] == str(OUTSIDE)
    # The pool hears no name; outside it is published when it is known.
    assert pool.vm.dhcp.names == ["vm-001"]


def test_the_pool_is_told_before_anything_is_provisioned_and_after_the_disc_is_out() -> None:
    pool = Pool.new("Running")
    seen: list[tuple[list[Path], bool, str]] = []
    asked = pool.serve

    def serve(request):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        if request.url.endswith("comp=health") and not seen:
            vm = pool.vm
            seen.append(
                (
                    list(vm.machine.devices.ejected),
                    json.loads(vm.text(RECORD))["told"],
                    vm.text("/etc/hostname"),
                )
            )
        return asked(request)

    pool.vm.machine.http.served = serve
    pool.vm.boot()
    assert seen == [([DISC], False, "image\n")]


def test_metadata_alone_says_that_a_vm_is_in_a_pool() -> None:
    pool = Pool.over(Vm.new(None, pps_type="Savable"), "Savable")
    result = pool.vm.boot()
    whole(pool, result)
    assert pool.vm.reports == ["Ready", "Provisioning", "Ready"]


def test_media_that_names_no_user_and_no_pool_is_completed_by_metadata() -> None:
    silent = replace(pool_wish("None"), user_name=None, platform=PlatformSettings(provision_guest_agent=True))
    pool = Pool.over(Vm.new(silent, pps_type="Running"), "Running")
    whole(pool, pool.vm.boot())


@pytest.mark.parametrize("user", ["alice", ""])
def test_media_of_a_pool_needs_no_user(user: str) -> None:
    pool = Pool.new("Running", wish=replace(pool_wish("Running"), user_name=None))
    pool.vm.core.become(replace(pool.vm.core.vm, account=replace(pool.vm.core.vm.account, user_name=user)))
    whole(pool, pool.vm.boot())


def test_the_lease_of_a_vm_that_is_in_no_pool_is_kept_though_metadata_had_to_say_so() -> None:
    for vm in (Vm.new(None), Vm.new(replace(WISH, user_name=None))):
        assert vm.boot().state == "ready"
        assert json.loads(vm.text("/var/lib/limpet/lease.json"))["address"] == str(IN_POOL)


def test_metadata_is_not_asked_for_the_sake_of_pools_when_media_says_all() -> None:
    vm = Vm.new()
    vm.boot()
    assert vm.core.count("instance-metadata") == 0


def test_the_old_flag_alone_means_a_running_vm() -> None:
    platform = PlatformSettings(preprovisioned_vm=True)
    pool = Pool.new("Running", wish=replace(pool_wish("Running"), platform=platform))
    whole(pool, pool.vm.boot())


def test_a_type_that_nobody_knows_is_told_and_provisioned_as_any_other() -> None:
    vm = Vm.new(replace(WISH, platform=PlatformSettings(preprovisioned_vm_type="Hovering")))
    result = vm.boot()
    assert result.state == "ready"
    assert vm.reports == ["Provisioning", "Ready"]
    assert any("'Hovering'" in note for note in result.notes)


def test_a_disk_that_is_to_be_copied_is_waited_with_until_the_power_goes_and_keeps_no_record() -> None:
    pool = Pool.new("PreprovisionedOSDisk")
    before = set(pool.vm.machine.files.nodes)
    with pytest.raises(Stuck):
        pool.vm.boot()
    assert pool.vm.reports == ["Ready"]
    assert phases(pool) == ["telling", "ending"]
    new = {str(path) for path in set(pool.vm.machine.files.nodes) - before}
    assert not [name for name in new if not name.startswith(("/run", "/proc", "/sys"))]
    # The copy is another VM with media of its own.
    vm = pool.vm
    vm.machine.files.poke(Path("/sys/class/dmi/id/product_uuid"), b"11112222-3333-4444-5555-666677778888\n")
    vm.insert(Vm.new().machine.files.disks[DISC].read(0, 1 << 22))
    assert vm.restart().state == "ready"
    assert is_alices(pool)


def test_a_disk_that_nobody_copies_is_a_reported_failure_after_a_year() -> None:
    vm = Vm.new(pool_wish("PreprovisionedOSDisk"))
    result = vm.boot()
    assert result.state == "failed"
    assert vm.reports == ["Ready", "ProvisioningFailed"]
    assert "error waiting for host shutdown" in result.why


@BOTH
def test_a_nic_that_never_comes_back_is_waited_for_without_an_end_or_a_request(kind: str) -> None:
    pool = Pool.new(kind, dark=10 * 365 * 24 * 3600.0)
    asked: list[int] = []
    pool.vm.machine.clock.after(3600, lambda: asked.append(len(pool.vm.core.asked)))
    with pytest.raises(Stuck):
        pool.vm.boot()
    assert phases(pool)[-1] == "asking"
    assert asked == [len(pool.vm.core.asked)]
    assert pool.vm.reports == ["Ready"]


@BOTH
def test_news_that_the_kernel_could_not_keep_is_made_good_by_counting(kind: str) -> None:
    pool = Pool.new(kind, dark=0.0)
    pool.vm.machine.links.lossy = True
    whole(pool, pool.vm.boot())


def test_a_cable_that_fails_within_the_pool_does_no_harm() -> None:
    pool = Pool.new("Running", after=3600.0)
    links = pool.vm.machine.links
    pool.vm.machine.clock.after(600, lambda: links.plug("eth0", False))
    pool.vm.machine.clock.after(660, lambda: links.plug("eth0", True))
    whole(pool, pool.vm.boot())
    assert pool.vm.reports == ["Ready", "Provisioning", "Ready"]


def test_a_virtual_function_that_goes_and_comes_is_not_the_nic() -> None:
    pool = Pool.new("Running", dark=1000.0)
    links, files = pool.vm.machine.links, pool.vm.machine.files
    links.add("enP1", "00155d010203", driver="mlx5_core", up=True)

    def swap() -> None:
        links.remove("enP1")
        with by_the_kernel(files):
            links.add("enP2", "00155d010203", driver="mlx5_core", up=True)

    asked: list[int] = []
    pool.vm.machine.clock.after(10, swap)
    pool.vm.machine.clock.after(20, lambda: asked.append(polls(pool)))
    whole(pool, pool.vm.boot())
    assert asked == [0]
    # Nor is it a reason to look for a lease while the NIC itself has no network.
    assert pool.vm.machine.log.of("network.failed") == []


def test_the_answer_to_ready_that_was_lost_with_the_nic_does_not_make_it_be_said_twice() -> None:
    pool = Pool.new("Savable", after=0.0, late=300.0)

    def lose(response):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        pool.vm.core.altered.clear()
        return replace(response, status=503)

    pool.vm.core.altered["health"] = lose
    whole(pool, pool.vm.boot())
    assert pool.vm.reports == ["Ready", "Provisioning", "Ready"]
