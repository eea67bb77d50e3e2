"""The boot stage where a supervisor leads: whose fabric it is, what later stages are told, and when Ready is said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.boot.whole import Vm, run_custom_data
from tests.plans.cases import put

from limpet.boot.main import leased
from limpet.boot.report import PENDING
from limpet.config.settings import Config
from limpet.guest.fabric_lease import GRANT, IN_THE_GUEST, LOCK, Grant, Holder, render_grant
from limpet.guest.shell_brief import BRIEF
from limpet.host.fake import FakeClock, FakeMachine
from limpet.host.files import RealFiles
from limpet.host.lease_lock import FlockLease
from limpet.host.reported import accepted_in_this_boot, boot_id, ready_is_known
from limpet.model.errors import AlreadyRunning, HostError
from limpet.wire.http import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

LATE = Config(ready="late")


def grant(folder: Path, holder: Holder, boot: str | None = None) -> None:
    boot = boot_id(RealFiles()) if boot is None else boot
    (folder / GRANT).write_bytes(render_grant(Grant(holder=holder, epoch=4, boot=boot)))


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[FlockLease]:
    """Somebody else's hand on the lock."""
    made = FlockLease(tmp_path / LOCK)
    yield made
    made.give()


def test_the_lock_is_held_while_a_stage_runs_that_the_supervisor_has_started(
    tmp_path: Path, lock: FlockLease
) -> None:
    grant(tmp_path, Holder.BOOT)
    with leased(RealFiles(), tmp_path, FakeClock(), supervised=True):
        assert not lock.take(wait=False)
    assert lock.take(wait=False)


@pytest.mark.parametrize("holder", list(Holder))
def test_a_stage_that_is_started_by_hand_is_refused_and_told_who_has_the_fabric(
    holder: Holder, tmp_path: Path, lock: FlockLease
) -> None:
    grant(tmp_path, holder)
    with (
        pytest.raises(AlreadyRunning, match=f"is with {holder.value}"),
        leased(RealFiles(), tmp_path, FakeClock(), supervised=False),
    ):
        raise AssertionError
    assert lock.take(wait=False)


@pytest.mark.parametrize("holder", [holder for holder in Holder if holder is not Holder.BOOT])
def test_a_stage_of_the_supervisor_whose_grant_has_gone_is_refused_too(
    holder: Holder, tmp_path: Path
) -> None:
    grant(tmp_path, holder)
    with (
        pytest.raises(AlreadyRunning, match=f"is with {holder.value}"),
        leased(RealFiles(), tmp_path, FakeClock(), supervised=True),
    ):
        raise AssertionError


def test_a_grant_of_an_earlier_start_of_the_machine_counts_for_nothing(tmp_path: Path) -> None:
    grant(tmp_path, Holder.GUEST_SHELL, "of-another-boot")
    with leased(RealFiles(), tmp_path, FakeClock(), supervised=True):
        pass


def test_a_grant_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / GRANT).write_bytes(b"{")
    with (
        pytest.raises(HostError, match="cannot be used"),
        leased(RealFiles(), tmp_path, FakeClock(), supervised=True),
    ):
        raise AssertionError


def test_who_talks_already_is_left_alone(tmp_path: Path, lock: FlockLease) -> None:
    assert lock.take(wait=False)
    with (
        pytest.raises(AlreadyRunning, match="is talking to the fabric"),
        leased(RealFiles(), tmp_path, FakeClock(), supervised=True),
    ):
        raise AssertionError


def test_a_parked_agent_that_has_the_lock_for_a_moment_is_waited_for(
    tmp_path: Path, lock: FlockLease
) -> None:
    clock = FakeClock()
    assert lock.take(wait=False)
    clock.after(0.5, lock.give)
    with leased(RealFiles(), tmp_path, clock, supervised=True):
        assert not lock.take(wait=False)


def test_where_there_is_no_appliance_nothing_is_made(tmp_path: Path) -> None:
    with leased(RealFiles(), tmp_path / "nowhere", FakeClock(), supervised=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_in_a_guest_shell_nothing_is_provisioned() -> None:
    machine = FakeMachine()
    machine.files.make_folder(IN_THE_GUEST)
    machine.files.replace(IN_THE_GUEST / BRIEF, b"whatever it says")
    with (
        pytest.raises(AlreadyRunning, match="this is a guest shell"),
        leased(machine.files, Path("/nowhere"), FakeClock(), supervised=False),
    ):
        raise AssertionError


def test_later_stages_are_told_the_fabrics_name_of_the_vms_place() -> None:
    vm = Vm.new()
    vm.boot()
    noted = accepted_in_this_boot(vm.machine.files)
    assert {each.container_id for each in noted} == {vm.core.vm.identity.container_id}


def test_late_the_fabric_hears_that_only_the_handover_is_missing() -> None:
    vm = Vm.new()
    assert vm.boot(LATE).exit_code == 0
    assert vm.reports == ["Provisioning", "Provisioning"]
    assert vm.core.vm.inbox.health.items[-1].value.description == PENDING
    assert not ready_is_known(vm.machine.files)
    assert vm.restart(LATE).exit_code == 0
    assert vm.ready_count == 0


def test_early_ready_is_said_by_boot() -> None:
    vm = Vm.new()
    vm.boot(Config(ready="early"))
    assert vm.reports[-1] == "Ready"


def test_a_fabric_that_refuses_everything_does_not_hold_up_an_appliance_whose_later_stages_go_on_asking() -> (
    None
):
    vm = Vm.new()
    answers = vm.core.exchange
    vm.machine.http.served = lambda request: (
        Response(status=403, headers={}, body=b"") if "comp=health" in request.url else answers(request)
    )
    begun = vm.machine.clock.monotonic()
    translate = Path("/usr/lib/nos/translate")
    put(vm.machine, translate, "#!/bin/sh")
    vm.machine.commands.programs["translate"] = run_custom_data
    result = vm.boot(Config(to_network_os="", translator=translate))
    assert result.state == "unreported"
    assert "403" in result.why
    assert vm.machine.clock.monotonic() - begun < 60.0
    vm.machine.http.served = answers
    assert vm.restart(Config()).exit_code == 0
    assert vm.reports[-1] == "Ready"
