"""VMs of a pool on a machine in memory: what they say and when, how they come out of it, and power cuts on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.boot.pools import IN_POOL, OUTSIDE, RECORD, Pool, Stuck, pool_wish, stays
from tests.boot.whole import DISC, KEY, PASSWORD, VM_ID, WISH, PlainCrypt, Vm

from limpet.host.fake import PowerCut
from limpet.host.fake_devices import by_the_kernel
from limpet.model.provisioning import PlatformSettings
from limpet.model.secret import Secret
from limpet.wire.ovfenv import render_ovf_environment

if TYPE_CHECKING:
    from limpet.boot.result import Result

BOTH = pytest.mark.parametrize("kind", ["Running", "Savable"])


def polls(pool: Pool) -> int:
    return pool.vm.core.count("reprovision-data")


def phases(pool: Pool) -> list[object]:
    return [entry["phase"] for entry in pool.vm.machine.log.of("pool.phase")]


def is_alices(pool: Pool) -> bool:
    vm = pool.vm
    hashes = [line.split(":")[1] for line in vm.text("/etc/shadow").splitlines() if line.startswith("alice:")]
    return (
        vm.machine.kernel.name == "vm-001"
        and KEY in vm.text("/home/alice/.ssh/authorized_keys")
        and [PlainCrypt().verifies(Secret(PASSWORD), each) for each in hashes] == [True]
        and "nobodys" not in vm.text("/etc/passwd")
    )


def whole(pool: Pool, result: Result) -> None:
    assert (result.state, result.exit_code) == ("ready", 0), result
    assert is_alices(pool)
    assert pool.vm.text(RECORD) == ""
    assert json.loads(pool.vm.text("/var/lib/limpet/provisioned.json"))["vmId"] == VM_ID
    assert pool.readies_when_moved, "its owner never heard that it is ready"
    assert all(pool.readies_when_moved)
    assert pool.vm.machine.links.open == 0


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


def test_no_lease_outside_the_pool_for_an_hour_is_waited_for() -> None:
    pool = Pool.new("Running")

    def quiet() -> None:
        pool.vm.dhcp.quiet = True
        pool.vm.machine.clock.after(3600, lambda: setattr(pool.vm.dhcp, "quiet", False))

    pool.vm.machine.clock.after(10, quiet)
    whole(pool, pool.vm.boot())


def test_no_lease_in_the_pool_is_a_failure_with_its_reason() -> None:
    pool = Pool.new("Running")
    pool.vm.dhcp.quiet = True
    result = pool.vm.boot()
    assert result.state == "failed"
    assert "no DHCP lease" in result.why
    assert pool.vm.text(RECORD) == ""


@pytest.mark.parametrize("status", [404, 410, 429, 500, 503])
def test_a_document_that_is_late_is_asked_for_without_a_deadline_and_without_haste(status: int) -> None:
    pool = Pool.new("Running", late=7200.0)
    if status != 404:
        pool.vm.core.fail("reprovision-data", status=status)
        pool.vm.machine.clock.after(7200.0, pool.vm.core.heal)
    whole(pool, pool.vm.boot())
    pace = 7200.0 / polls(pool)
    assert pace > (0.99 if status in {404, 410} else 9.0)


def test_a_refusal_that_lasts_is_a_reported_failure_and_the_next_start_asks_again() -> None:
    pool = Pool.new("Running")
    pool.vm.core.fail("reprovision-data", status=403)
    result = pool.vm.boot()
    assert result.state == "failed"
    assert "http error 403 querying IMDS" in result.why
    assert pool.vm.reports == ["Ready", "ProvisioningFailed"]
    pool.vm.core.heal()
    whole(pool, pool.vm.restart())
    assert pool.vm.reports == ["Ready", "ProvisioningFailed", "Provisioning", "Ready"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "error parsing ovf-env.xml"),
        (b"<Environment", "error parsing ovf-env.xml"),
        (render_ovf_environment(WISH)[:700], "error parsing ovf-env.xml"),
        (render_ovf_environment(WISH).replace(b"UserPassword>", b"UserPassword >", 1)[:-20], "error parsing"),
    ],
)
def test_a_document_that_cannot_be_used_is_a_reported_failure_without_secrets(
    document: bytes, said: str
) -> None:
    pool = Pool.new("Running", document=document)
    result = pool.vm.boot()
    assert result.state == "failed"
    assert said in result.why
    assert PASSWORD not in result.why
    description = pool.vm.core.vm.inbox.health.items[-1].value.description or ""
    assert description.startswith("result=error|")
    assert said in description
    assert "alice" not in pool.vm.text("/etc/passwd")
    # The record stays: after a restart it asks again, and does not say that it is ready.
    pool.document = render_ovf_environment(WISH)
    pool.give()
    whole(pool, pool.vm.restart())


def test_metadata_that_goes_on_naming_a_pool_is_a_reported_failure() -> None:
    pool = Pool.new("Running")
    pool.vm.core.alter("instance-metadata", b'{"extended": {"compute": {"ppsType": "Running"}}}')
    result = pool.vm.boot()
    assert result.state == "failed"
    assert "key=extended.compute.ppsType" in result.why
    assert pool.vm.reports[-1] == "ProvisioningFailed"


def test_metadata_that_lags_behind_is_waited_for_and_one_that_is_silent_is_done_without() -> None:
    pool = Pool.new("Running")
    pool.vm.core.alter("instance-metadata", b'{"extended": {"compute": {"ppsType": "Running"}}}')
    pool.vm.machine.clock.after(60, pool.vm.core.heal)
    whole(pool, pool.vm.boot())
    pool = Pool.new("Running")
    pool.vm.core.fail("instance-metadata", status=500)
    result = pool.vm.boot()
    whole(pool, result)
    assert any("instance metadata was not asked" in note for note in result.notes)


def test_a_restart_in_the_pool_does_not_say_ready_again() -> None:
    pool = Pool.new("Running", moves=stays)
    pool.vm.machine.clock.after(1000, cut)
    with pytest.raises(PowerCut):
        pool.vm.boot()
    pool.vm.take_disc()
    pool.vm.machine.clock.after(7200, lambda: moved(pool))
    result = pool.vm.restart()
    whole(pool, result)
    assert pool.vm.reports == ["Ready", "Provisioning", "Ready"]
    assert phases(pool)[-2:] == ["asking", "given"]


def cut() -> None:
    raise PowerCut


def moved(pool: Pool) -> None:
    links = pool.vm.machine.links
    links.plug("eth0", False)
    pool.go_outside()
    pool.vm.machine.clock.after(5, lambda: links.plug("eth0", True))


def test_a_ready_that_may_not_have_been_heard_is_said_again_after_a_silence() -> None:
    pool = Pool.new("Running")
    pool.vm.core.fail("health", refused=True)
    pool.vm.machine.clock.after(300, cut)
    with pytest.raises(PowerCut):
        pool.vm.boot()
    pool.vm.core.heal()
    whole(pool, pool.vm.restart())
    assert phases(pool)[-4:] == ["doubting", "repeating", "asking", "given"]
    assert pool.vm.reports == ["Ready", "Provisioning", "Ready"]


def test_a_copy_of_a_disk_that_waited_in_a_pool_is_a_vm_of_its_own() -> None:
    pool = Pool.new("Running", moves=stays)
    pool.vm.machine.clock.after(1000, cut)
    with pytest.raises(PowerCut):
        pool.vm.boot()
    pool.vm.machine.files.poke(
        Path("/sys/class/dmi/id/product_uuid"), b"11112222-3333-4444-5555-666677778888\n"
    )
    pool.vm.insert(Vm.new().machine.files.disks[DISC].read(0, 1 << 22))
    result = pool.vm.restart()
    assert result.state == "ready"
    assert any("copied from" in note for note in result.notes)
    assert is_alices(pool)
    assert pool.vm.text(RECORD) == ""
    assert pool.vm.reports == ["Ready", "Provisioning", "Ready"]


def test_a_record_that_is_damaged_is_told_and_counts_as_none() -> None:
    pool = Pool.new("Running")
    pool.vm.machine.files.make_folder(Path(RECORD).parent)
    pool.vm.machine.files.replace(Path(RECORD), b"{")
    result = pool.vm.boot()
    whole(pool, result)
    assert any("damaged" in note for note in result.notes)


def test_a_disk_that_is_full_is_not_offered_to_anybody() -> None:
    pool = Pool.new("Running")
    pool.vm.machine.files.broken[Path(RECORD)] = "No space left on device"
    result = pool.vm.boot()
    assert result.state == "failed"
    assert "No space left on device" in result.why
    assert pool.vm.reports == ["ProvisioningFailed"]


def test_no_secret_of_its_owner_is_in_any_log_or_open_file() -> None:
    pool = Pool.new("Running")
    result = pool.vm.boot()
    vm = pool.vm
    told = [repr(entry) for entry in vm.machine.log.entries] + [repr(result)]
    told += [repr(report) for report in vm.core.vm.inbox.health.items]
    told += [repr(call.argv) for call in vm.machine.commands.ran]
    told += [repr(pair) for pair in vm.machine.key_values.pairs]
    assert not [line for line in told if PASSWORD in line]
    nodes = vm.machine.files.nodes.items()
    assert not [path for path, node in nodes if PASSWORD.encode() in (node.content or b"") and path != DISC]


def changes(kind: str) -> int:
    pool = Pool.new(kind)
    begun = pool.vm.machine.battery.spent
    pool.vm.boot()
    return pool.vm.machine.battery.spent - begun


@BOTH
@pytest.mark.parametrize("disc_stays", [True, False], ids=["disc stays", "disc is gone"])
def test_a_power_cut_at_any_point_of_a_pool_boot_ends_in_the_same_machine(
    kind: str, disc_stays: bool
) -> None:
    uncut = Pool.new(kind)
    uncut.vm.boot()
    uncut.vm.restart()
    count = changes(kind)
    assert count > 50
    for at in range(count):
        where = f"power cut before change {at + 1} of {count}"
        pool = Pool.new(kind)
        with pytest.raises(PowerCut):
            pool.vm.boot(cut=at)
        if not disc_stays:
            pool.vm.take_disc()
        result = pool.vm.restart()
        assert result.state == "ready", (where, result)
        assert is_alices(pool), where
        assert pool.vm.restart().state == "ready", where
        assert all(pool.readies_when_moved), where
        assert pool.vm.text(RECORD) == "", where
        assert pool.vm.made == uncut.vm.made, where
