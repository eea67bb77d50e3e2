"""VMs of a pool that have bad luck: late and broken documents, restarts, copies, full disks and power cuts."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.boot.pools import RECORD, Pool, is_alices, phases, polls, stays, whole
from tests.boot.whole import DISC, PASSWORD, WISH, Vm

from limpet.host.fake import PowerCut
from limpet.wire.ovfenv import render_ovf_environment

BOTH = pytest.mark.parametrize("kind", ["Running", "Savable"])


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
