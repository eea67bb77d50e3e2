from __future__ import annotations

from pathlib import Path

from tests.boot.whole import Vm
from tests.scenario.core import ENDPOINT

from limpet.agent import ready
from limpet.agent.fabric import Fabric

LIBRARY = Path("/var/lib/waagent")


def fabric(vm: Vm) -> Fabric:
    machine = vm.machine
    return Fabric(
        machine.http, machine.clock, machine.chance, wire_server=ENDPOINT, host_plugin=f"{ENDPOINT}:32526"
    )


def owed(vm: Vm) -> bool:
    return ready.is_owed(vm.machine.files, vm.machine.commands, LIBRARY)


def say(vm: Vm) -> bool:
    machine = vm.machine
    return ready.say(fabric(vm), machine.http, machine.files, machine.clock, machine.log)


def test_what_the_boot_stage_could_not_report_the_agent_reports_once() -> None:
    vm = Vm.new()
    vm.dhcp.quiet = True
    assert vm.boot().state == "unreported"
    assert owed(vm)
    assert say(vm)
    assert vm.reports == ["Ready"]
    assert not owed(vm)


def test_nothing_is_owed_where_the_boot_stage_has_reported() -> None:
    vm = Vm.new()
    vm.boot()
    assert not owed(vm)


def test_nothing_is_owed_for_a_vm_that_is_not_provisioned_or_that_another_agent_provisioned() -> None:
    vm = Vm.new()
    assert not owed(vm)
    vm.machine.files.replace(LIBRARY / "provisioned", b"3332e702-dbf4-54c0-80cc-727d1dbed7a5")
    assert not owed(vm)


def test_nothing_is_owed_by_a_clone() -> None:
    vm = Vm.new()
    vm.dhcp.quiet = True
    vm.boot()
    vm.machine.files.replace(
        Path("/sys/class/dmi/id/product_uuid"), b"11112222-3333-4444-5555-666677778888\n"
    )
    assert not owed(vm)


def test_a_fabric_that_refuses_is_told_of_and_it_stays_owed() -> None:
    vm = Vm.new()
    vm.dhcp.quiet = True
    vm.boot()
    vm.core.fail("health", status=503)
    assert not say(vm)
    assert owed(vm)
    assert vm.machine.log.of("report.ready_owed")
