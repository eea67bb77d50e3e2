"""What the platform hears of provisioning, and that it hears it once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.boot.fabrics import WIRE_SERVER, Platform

from limpet.boot.fabric import Fabric
from limpet.boot.report import Reports
from limpet.host.fake import FakeMachine
from limpet.host.reported import REPORTED, Accepted, accepted_in_this_boot, note_accepted, ready_is_known
from limpet.model.errors import FabricBusy, HostError
from limpet.model.health import ProvisioningState, ProvisioningSubStatus
from limpet.wire.kvp import value_of
from limpet.wire.provisioningreport import KEY

VM = "78563412-bc9a-f0de-1234-56789abcdef0"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def started(
    boot: str = "boot-1", machine: FakeMachine | None = None
) -> tuple[FakeMachine, Platform, Reports]:
    machine = machine or FakeMachine()
    machine.files.make_folder(BOOT_ID.parent)
    machine.files.replace(BOOT_ID, f"{boot}\n".encode())
    platform = Platform(machine.clock)
    machine.http.served = platform
    fabric = Fabric(machine.http, machine.clock, machine.chance, machine.log, WIRE_SERVER)
    reports = Reports(
        files=machine.files,
        key_values=machine.key_values,
        clock=machine.clock,
        log=machine.log,
        agent="limpet/1.0",
        vm_id=VM,
        fabric=fabric,
    )
    return machine, platform, reports


def said(machine: FakeMachine) -> str:
    return value_of(machine.key_values.pairs, KEY) or ""


def test_a_good_boot_says_that_it_starts_and_that_it_is_ready() -> None:
    machine, platform, reports = started()
    assert reports.starting()
    assert reports.ready()
    assert [report.state.value for report in platform.reports] == ["NotReady", "Ready"]
    assert said(machine) == f"result=success|agent=limpet/1.0|timestamp=2026-01-01T00:00:00+00:00|vm_id={VM}"
    assert [each.state for each in accepted_in_this_boot(machine.files)] == ["Provisioning", "Ready"]


def test_ready_is_said_once_for_one_boot_by_whichever_stage() -> None:
    machine, platform, reports = started()
    assert reports.ready()
    assert not reports.ready()
    _, later, again = started(machine=machine)
    assert not again.ready()
    assert len(platform.reports) == 1
    assert later.reports == []


def test_ready_is_said_again_after_a_reboot() -> None:
    machine, _, reports = started()
    reports.ready()
    _, platform, again = started("boot-2", machine)
    assert again.ready()
    assert len(platform.reports) == 1


def test_ready_is_said_after_a_failure_in_the_same_boot() -> None:
    machine, platform, reports = started()
    reports.failed("no user")
    assert reports.ready()
    assert ready_is_known(machine.files)
    reports.failed("something else")
    assert not ready_is_known(machine.files)
    assert len(platform.reports) == 3


def test_a_failure_has_its_reason_and_the_hypervisor_hears_it_first() -> None:
    machine, platform, reports = started()
    assert reports.failed("cannot make the user alice", {"step": "account"})
    (report,) = platform.reports
    assert (report.state, report.sub_status) == (ProvisioningState.NOT_READY, ProvisioningSubStatus.FAILED)
    assert report.description == said(machine)
    assert report.description.startswith(
        "result=error|reason=cannot make the user alice|agent=limpet/1.0|step=account|"
    )


def test_a_long_failure_is_whole_for_the_hypervisor_and_short_for_the_fabric() -> None:
    machine, platform, reports = started()
    reports.failed("x" * 3000)
    assert "x" * 3000 in said(machine)
    assert len(platform.reports[0].description or "") <= 512
    assert f"vm_id={VM}" in (platform.reports[0].description or "")


def test_a_start_that_nobody_hears_does_not_hold_provisioning_up() -> None:
    machine, platform, reports = started()
    platform.ill = 503
    begun = machine.clock.monotonic()
    assert not reports.starting()
    assert machine.clock.monotonic() - begun <= 6.0
    assert machine.log.of("report.start_lost")


def test_a_failure_that_the_fabric_does_not_hear_is_still_told_to_the_hypervisor() -> None:
    machine, platform, reports = started()
    platform.ill = 503
    assert not reports.failed("no space")
    assert "no space" in said(machine)
    reports.fabric = None
    assert not reports.failed("no lease")
    assert "no lease" in said(machine)


def test_ready_that_is_not_accepted_is_an_error_and_not_noted() -> None:
    machine, platform, reports = started()
    platform.ill = 503
    with pytest.raises(FabricBusy):
        reports.ready(patience=30.0)
    assert not ready_is_known(machine.files)
    reports.fabric = None
    with pytest.raises(HostError, match="no way"):
        reports.ready()


def test_a_hypervisor_that_does_not_listen_or_a_full_disk_stops_no_report() -> None:
    machine, platform, reports = started()
    machine.key_values.broken = "No space left on device"
    machine.files.broken[REPORTED] = "No space left on device"
    assert reports.ready()
    assert len(platform.reports) == 1
    assert machine.log.of("report.hypervisor")
    assert machine.log.of("report.not_noted")


@pytest.mark.parametrize("end", range(120))
def test_a_note_cut_at_any_byte_is_no_note(end: int) -> None:
    machine, _, _ = started()
    note_accepted(machine.files, Accepted(state="Ready", at=1.0, by="limpet/1.0"))
    whole = machine.files.read(REPORTED, at_most=9999)
    assert len(whole) == 121
    machine.files.replace(REPORTED, whole[:end])
    assert accepted_in_this_boot(machine.files) == ()
    assert not ready_is_known(machine.files)
