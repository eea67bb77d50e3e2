"""The whole boot stage on a machine in memory: what comes of it, of doing it again, and of a power cut anywhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.boot.whole import (
    ALL_OVER,
    DISC,
    KEY,
    PASSWORD,
    VM_ID,
    WISH,
    PlainCrypt,
    Vm,
    hash_of,
    run_custom_data,
)

from limpet.boot.result import Result, as_document, as_text
from limpet.config.settings import Config
from limpet.emulator.media.variants import VARIANTS, medium
from limpet.host.fake import PowerCut
from limpet.host.fake_files import Node
from limpet.model.provisioning import PlatformSettings, PublicKey
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.wire.http import Request, Response


def test_a_new_vm_is_provisioned_and_the_fabric_hears_the_beginning_and_the_end() -> None:
    vm = Vm.new()
    result = vm.boot()
    assert (result.state, result.exit_code, result.vm_id) == ("ready", 0, VM_ID), result
    assert vm.reports == ["Provisioning", "Ready"]
    assert vm.dhcp.names == ["vm-001"]
    assert vm.machine.kernel.name == "vm-001"
    assert vm.text("/home/alice/.ssh/authorized_keys").split() == KEY.split()
    assert PlainCrypt().verifies(Secret(PASSWORD), hash_of(vm))
    assert vm.text("/etc/sudoers.d/waagent") == "alice ALL=(ALL) ALL\n"
    assert vm.text("/etc/shadow").startswith("root:*LOCK*:14600::::::\n")
    assert "swapfile" in vm.text("/proc/swaps")
    assert vm.text("/sys/block/sda/device/timeout").strip() == "300"
    assert json.loads(vm.text("/var/lib/limpet/provisioned.json"))["vmId"] == VM_ID
    assert vm.text("/var/lib/waagent/provisioned") == VM_ID


def test_everything_that_ready_promises_is_in_place_before_it_is_said() -> None:
    vm = Vm.new()
    seen: list[tuple[str, ...]] = []

    def serve(request: Request) -> Response:
        answer = vm.core.exchange(request)
        if vm.ready_count and not seen:
            keys, swaps = vm.text("/home/alice/.ssh/authorized_keys"), vm.text("/proc/swaps")
            marker = vm.text("/var/lib/limpet/provisioned.json")
            seen.append((hash_of(vm), keys, vm.machine.kernel.name, swaps, marker))
        return answer

    vm.machine.http.served = serve
    vm.boot()
    hashed, keys, name, swaps, marker = seen[0]
    assert hashed.startswith("$6$")
    assert KEY in keys
    assert name == "vm-001"
    assert "swapfile" in swaps
    assert VM_ID in marker


def test_custom_data_runs_once_after_ready() -> None:
    vm = Vm.new()
    vm.boot()
    assert vm.text("/ran") == "yes"
    vm.machine.files.remove(Path("/ran"))
    vm.restart()
    assert vm.text("/ran") == ""


def test_a_second_run_in_the_same_boot_does_and_says_nothing() -> None:
    vm = Vm.new()
    vm.boot()
    before, ran = vm.made, len(vm.machine.commands.ran)
    result = vm.boot()
    assert result.state == "ready"
    assert [outcome.task.name for outcome in result.outcomes if outcome.state == "done"] == []
    assert vm.made == before
    assert len(vm.machine.commands.ran) == ran
    assert vm.reports == ["Provisioning", "Ready"]


def test_after_a_restart_nothing_is_provisioned_and_ready_is_said_once_more() -> None:
    vm = Vm.new()
    vm.boot()
    before = vm.made
    vm.take_disc()
    result = vm.restart()
    assert (result.state, result.standing) == ("ready", "provisioned")
    done = {outcome.task.name for outcome in result.outcomes if outcome.state == "done"}
    assert not done & {"account", "password", "sudo", "ssh-keys", "host-keys", "host-name", "sshd"}
    assert vm.made == before
    assert vm.reports == ["Provisioning", "Ready", "Ready"]


UUID_FILE = Path("/sys/class/dmi/id/product_uuid")


@pytest.mark.parametrize("with_id", [(True, False, True), (False, True, True), (False, False, True)])
def test_an_id_that_cannot_be_read_in_one_boot_does_not_make_the_vm_another(
    with_id: tuple[bool, bool, bool],
) -> None:
    vm = Vm.new()
    firmware = vm.machine.files.read(UUID_FILE, at_most=100)
    standings = []
    for number, known in enumerate(with_id):
        vm.machine.files.remove(UUID_FILE)
        if known:
            vm.machine.files.replace(UUID_FILE, firmware)
        result = vm.restart() if number else vm.boot()
        assert result.state == "ready"
        standings.append(result.standing)
        vm.take_disc()
    assert standings == ["new", "provisioned", "provisioned"]
    # From the first boot that knows it on, the marker has the id.
    assert json.loads(vm.text("/var/lib/limpet/provisioned.json"))["vmId"] == VM_ID
    assert vm.text("/var/lib/waagent/provisioned") == VM_ID


def test_a_clone_is_provisioned_anew_with_new_host_keys() -> None:
    vm = Vm.new()
    vm.boot()
    vm.machine.files.replace(
        Path("/sys/class/dmi/id/product_uuid"), b"11112222-3333-4444-5555-666677778888\n"
    )
    key = PublicKey(path="$HOME/bob/.ssh/authorized_keys", value=KEY)
    wish = replace(WISH, host_name="vm-002", user_name="bob", public_keys=(key,))
    vm.insert(medium(wish).image())
    result = vm.restart()
    assert (result.state, result.standing) == ("ready", "a clone of a provisioned VM")
    assert vm.machine.kernel.name == "vm-002"
    assert "bob:" in vm.text("/etc/passwd")
    assert "host-keys" in {outcome.task.name for outcome in result.outcomes if outcome.state == "done"}
    assert vm.reports[-2:] == ["Provisioning", "Ready"]


def test_without_media_metadata_provisions_and_the_user_gets_in_by_key() -> None:
    vm = Vm.new(None)
    result = vm.boot()
    assert (result.state, result.source) == ("ready", "instance metadata")
    assert vm.reports == ["Provisioning", "Ready"]
    assert KEY in vm.text("/home/alice/.ssh/authorized_keys")
    assert hash_of(vm).startswith("!")
    assert "NOPASSWD" in vm.text("/etc/sudoers.d/waagent")
    assert vm.dhcp.names == ["vm-001"]


def failed(result: Result) -> list[str]:
    return [outcome.describe() for outcome in result.outcomes if outcome.failed]


@pytest.mark.parametrize("name", sorted(name for name, variant in VARIANTS.items() if not variant.fine))
def test_a_broken_disc_is_reported_with_a_reason_and_the_machine_is_seen_to(name: str) -> None:
    vm = Vm.new(image=medium(WISH, name).image())
    result = vm.boot()
    assert result.state in {"ready", "failed"}
    if result.state == "ready":
        # What is not a disc of ours at all counts as none, and what is wrong in part only is told.
        assert result.source == "instance metadata" or name == "no-user" or failed(result)
        return
    assert vm.reports[-1] == "ProvisioningFailed"
    description = vm.core.vm.inbox.health.items[-1].value.description or ""
    assert description.startswith("result=error|")
    assert result.exit_code == 1
    assert vm.text("/var/lib/limpet/provisioned.json") == ""
    assert "swapfile" in vm.text("/proc/swaps")
    assert PASSWORD not in description


def test_a_failure_in_one_task_leaves_the_others_and_the_next_boot_completes_it() -> None:
    vm = Vm.new()
    useradd = vm.machine.commands.programs.pop("useradd")
    result = vm.boot()
    assert result.state == "failed"
    assert "account: cannot make the user alice" in result.why
    assert "useradd is not installed" in result.why
    assert vm.machine.kernel.name == "vm-001"
    assert vm.reports == ["Provisioning", "ProvisioningFailed"]
    vm.machine.commands.programs["useradd"] = useradd
    assert vm.restart().state == "ready"
    assert vm.ready_count == 1


def test_a_user_whom_the_media_does_not_name_comes_from_metadata() -> None:
    vm = Vm.new(replace(WISH, user_name=None))
    assert vm.boot().state == "ready"
    assert PlainCrypt().verifies(Secret(PASSWORD), hash_of(vm))


def test_without_any_user_provisioning_fails_and_says_so() -> None:
    vm = Vm.new(replace(WISH, user_name=None), user_name="")
    result = vm.boot()
    assert result.state == "failed"
    assert "the media names no user" in result.why


def test_a_disc_that_could_not_be_used_is_not_kept_and_the_next_one_may_come_late() -> None:
    vm = Vm.new(replace(WISH, user_name="root"))
    assert vm.boot().state == "failed"
    assert vm.text("/var/lib/waagent/ovf-env.xml") == ""
    vm.take_disc()
    vm.on()
    vm.machine.clock.after(3, lambda: vm.machine.files.broken.pop(DISC))
    vm.insert(medium(WISH).image())
    assert (vm.boot().state, vm.results[-1].source) == ("ready", "/dev/sr0")


def test_a_fabric_that_answers_503_for_a_while_is_waited_for() -> None:
    vm = Vm.new()
    vm.core.fail("health", status=503)
    vm.machine.clock.after(90, vm.core.heal)
    assert vm.boot().state == "ready"
    assert vm.reports == ["Ready"]


def test_no_dhcp_for_a_minute_delays_only_the_reports() -> None:
    vm = Vm.new()
    vm.dhcp.quiet = True
    vm.machine.clock.after(60, lambda: setattr(vm.dhcp, "quiet", False))
    assert vm.boot().state == "ready"
    assert vm.reports == ["Provisioning", "Ready"]


def test_without_any_network_the_machine_is_complete_and_the_report_is_left_to_the_agent() -> None:
    vm = Vm.new()
    vm.dhcp.quiet = True
    result = vm.boot()
    assert (result.state, result.exit_code) == ("unreported", 1)
    assert "no DHCP lease" in result.why
    assert KEY in vm.text("/home/alice/.ssh/authorized_keys")
    assert VM_ID in vm.text("/var/lib/limpet/provisioned.json")


def test_cloud_init_that_is_enabled_provisions_and_we_only_see_to_disks() -> None:
    vm = Vm.new()
    link = Path("/etc/systemd/system/cloud-init.target.wants/cloud-init-local.service")
    unit = Path("/lib/systemd/system/cloud-init-local.service")
    for folder in (link.parent, unit.parent):
        vm.machine.files.make_folder(folder)
    vm.machine.files.link(link, unit)
    vm.machine.files.replace(unit, b"")
    result = vm.boot(Config())
    assert (result.state, result.exit_code) == ("left", 0)
    assert "alice" not in vm.text("/etc/passwd")
    assert vm.reports == []


@pytest.mark.parametrize("agent", ["auto", "cloud-init", "limpet"])
def test_what_cloud_init_has_provisioned_is_not_provisioned_again_when_it_is_switched_off(agent: str) -> None:
    vm = Vm.new()
    record = Path("/var/lib/cloud/data/instance-id")
    vm.machine.files.make_folder(record.parent)
    vm.machine.files.replace(record, f"{VM_ID}\n".encode())
    passwd = vm.text("/etc/passwd")
    for _ in range(2):
        result = vm.boot(replace(ALL_OVER, provisioning_agent=agent))
        assert (result.state, result.exit_code) == ("ready", 0)
    assert vm.text("/etc/passwd") == passwd
    assert VM_ID in vm.text("/var/lib/waagent/provisioned")
    assert vm.reports == ["Ready"]


def test_cloud_init_that_is_to_provision_and_does_not_run_is_told_to_the_fabric() -> None:
    vm = Vm.new()
    result = vm.boot(replace(ALL_OVER, provisioning_agent="cloud-init"))
    assert (result.state, result.exit_code) == ("failed", 1)
    assert "cloud-init does not run here" in result.why
    assert vm.reports == ["ProvisioningFailed"]
    assert "alice" not in vm.text("/etc/passwd")


def test_the_serial_console_is_given_to_the_next_kernel_where_that_is_wanted() -> None:
    vm = Vm.new()
    vm.machine.files.make_folder(Path("/boot/loader/entries"))
    entry = Path("/boot/loader/entries/debian.conf")
    vm.machine.files.replace(entry, b"title Debian\noptions root=/dev/sda1 quiet\n")
    vm.boot(replace(ALL_OVER, serial_console=True))
    assert "console=ttyS0,115200n8" in vm.text(str(entry))
    before = vm.text(str(entry))
    vm.restart(replace(ALL_OVER, serial_console=True))
    assert vm.text(str(entry)) == before


@pytest.mark.parametrize(
    ("release", "off"), [("2.6.32", True), ("2.6.37", False), ("6.1.0-28-cloud-amd64", False)]
)
def test_only_old_kernels_are_started_without_numa(release: str, off: bool) -> None:
    vm = Vm.new()
    vm.machine.kernel.kernel_release = release
    vm.machine.files.make_folder(Path("/boot/loader/entries"))
    entry = Path("/boot/loader/entries/old.conf")
    vm.machine.files.replace(entry, b"options root=/dev/sda1\n")
    vm.boot()
    assert ("numa=off" in vm.text(str(entry))) is off


def test_scvmm_media_hands_the_machine_to_its_own_agent() -> None:
    vm = Vm.new(image=medium(WISH, "scvmm").image())
    vm.machine.files.volumes[DISC] = {
        Path("linuxosconfiguration.xml"): Node(content=b"<x/>"),
        Path("install"): Node(content=b"#!/bin/bash"),
    }
    vm.machine.commands.programs["bash"] = run_custom_data
    result = vm.boot(replace(ALL_OVER, detect_scvmm=True))
    assert (result.state, result.exit_code) == ("left", 0)
    assert vm.text("/ran") == "yes"
    assert "alice" not in vm.text("/etc/passwd")
    assert vm.reports == []


def test_an_agent_that_is_not_wanted_is_noted_for_later_stages() -> None:
    vm = Vm.new(replace(WISH, platform=PlatformSettings(provision_guest_agent=False)))
    vm.boot()
    assert (Path("/var/lib/waagent/disable_agent")) in vm.machine.files.nodes


def test_no_secret_is_in_any_log_result_report_or_open_file() -> None:
    vm = Vm.new()
    result = vm.boot()
    told = [repr(entry) for entry in vm.machine.log.entries] + [repr(result)]
    told += [repr(report) for report in vm.core.vm.inbox.health.items]
    told += [repr(call.argv) for call in vm.machine.commands.ran]
    told += [repr(pair) for pair in vm.machine.key_values.pairs]
    assert not [line for line in told if PASSWORD in line or "$6$" in line]
    open_files = {
        path: node.content
        for path, node in vm.machine.files.nodes.items()
        if node.content is not None and node.mode & 0o007
    }
    assert not [path for path, content in open_files.items() if PASSWORD.encode() in (content or b"")]


def cuts() -> int:
    vm = Vm.new()
    begun = vm.machine.battery.spent
    vm.boot()
    return vm.machine.battery.spent - begun


CHANGES = cuts()


@pytest.mark.parametrize("disc_stays", [True, False], ids=["disc stays", "disc is gone"])
def test_a_power_cut_at_any_point_ends_in_the_same_machine_and_never_provisions_twice(
    disc_stays: bool,
) -> None:
    whole = Vm.new()
    whole.boot()
    whole.restart()
    assert CHANGES > 40
    for cut in range(CHANGES):
        vm = Vm.new()
        with pytest.raises(PowerCut):
            vm.boot(cut=cut)
        if not disc_stays:
            vm.take_disc()
        where = f"power cut before change {cut + 1} of {CHANGES}"
        assert vm.restart().state == "ready", where
        assert vm.restart().state == "ready", where
        assert KEY in vm.text("/home/alice/.ssh/authorized_keys"), where
        assert max(vm.ready_by_boot) <= 1, where
        ran = [call for call in vm.machine.commands.ran if call.argv[0] == "useradd"]
        assert len(ran) <= 2, where
        if disc_stays or vm.text("/etc/shadow") == whole.text("/etc/shadow"):
            assert vm.made == whole.made, where


@pytest.mark.parametrize("config", [Config(), ALL_OVER], ids=["defaults", "all over"])
def test_the_words_for_people_and_for_programs_agree(config: Config) -> None:
    result = Vm.new().boot(config)
    document = json.loads(json.dumps(as_document(result)))
    assert document["state"] == "ready"
    assert len(document["tasks"]) == len(result.outcomes)
    assert all(outcome.task.name in as_text(result) for outcome in result.outcomes)
