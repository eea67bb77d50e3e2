"""The commands that ask a running emulator, as people and scripts use them."""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.emulator import broken_packages
from tests.emulator.openssl import transport
from tests.emulator.processes import HELLO, ON_LOOPBACK, Process
from tests.emulator.small_agent import SmallAgent

from limpet.emulator.client import EmulatorRefused
from limpet.model.status import ExtensionState
from limpet.wire.certificates import Cipher

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator.processes import Command


def test_an_unknown_address_becomes_a_vm_when_none_was_named(running: Process, command: Command) -> None:
    SmallAgent(running.wire).goal_state()
    code, output, _ = command("vms", "--admin", running.admin, "--json")
    assert (code, [vm["address"] for vm in json.loads(output)]) == (0, ["127.0.0.1"])


@pytest.mark.parametrize("cipher", list(Cipher))
def test_what_is_published_reaches_the_vm_and_opens_there(
    fresh: Process, command: Command, tmp_path: Path, cipher: Cipher
) -> None:
    secrets = tmp_path / "secrets.json"
    secrets.write_text('{"password": "between us"}', encoding="utf-8")
    code, output, _ = command(
        "publish",
        HELLO,
        "--settings",
        '{"greeting": "hi"}',
        "--protected",
        f"@{secrets}",
        "--admin",
        fresh.admin,
    )
    assert (code, output) == (0, "vm1: published Limpet.Sample.Hello enabled by fabric (incarnation 2)\n")
    vm = SmallAgent(fresh.wire)
    (handler,) = vm.extensions().handlers
    assert (handler.name, handler.version) == ("Limpet.Sample.Hello", "1.0.0")
    assert handler.settings[0].public == {"greeting": "hi"}
    assert vm.opened(handler, transport(tmp_path), cipher) == {"password": "between us"}
    assert vm.package(handler).startswith(b"PK")


def test_publishing_can_wait_for_the_outcome(fresh: Process, command: Command) -> None:
    vm = SmallAgent(fresh.wire)
    admin = ("--admin", fresh.admin, "--wait", "--timeout", "120")
    outcomes = (
        (("publish", HELLO), ExtensionState.SUCCESS, 0, "vm1: Limpet.Sample.Hello 1.0.0 success: well\n"),
        (
            ("publish", "Limpet.Sample.Hello"),
            ExtensionState.ERROR,
            1,
            "vm1: Limpet.Sample.Hello 1.0.0 error: well\n",
        ),
        (
            ("publish", "Limpet.Sample.Hello", "--state", "disabled"),
            ExtensionState.SUCCESS,
            0,
            "is disabled: no message\n",
        ),
        (
            ("publish", "Limpet.Sample.Hello", "--state", "uninstall"),
            ExtensionState.SUCCESS,
            0,
            "Limpet.Sample.Hello is gone\n",
        ),
    )
    with ThreadPoolExecutor(1) as pool, fresh.client() as api:
        for number, (arguments, word, expected, words) in enumerate(outcomes, 2):
            reporting = pool.submit(report_when_published, api, vm, str(number), word)
            code, output, errors = command(*arguments, *admin)
            reporting.result(120)
            assert (code, errors) == (expected, "")
            assert output.endswith(words)


def report_when_published(api: Any, vm: SmallAgent, incarnation: str, word: ExtensionState) -> None:
    while vm.goal_state().incarnation != incarnation:
        threading.Event().wait(0.01)
    vm.report(word, "well")


def test_publishing_waits_no_longer_than_asked(fresh: Process, command: Command) -> None:
    code, output, _ = command(
        "publish", HELLO, "--wait", "--timeout", "0.1", "--admin", fresh.admin, "--json"
    )
    assert code == 3
    assert json.loads(output)["outcome"] is None


def test_a_broken_package_is_refused_or_hosted_on_demand(
    fresh: Process, command: Command, tmp_path: Path
) -> None:
    package = tmp_path / "Acme.Sample-1.0.0.zip"
    package.write_bytes(broken_packages.without_manifest())
    code, _, errors = command("publish", str(package), "--admin", fresh.admin)
    assert (code, errors) == (1, f"limpet emulator: {package}: there is no HandlerManifest.json in it\n")
    code, _, errors = command("publish", str(package), "--unchecked", "--admin", fresh.admin)
    assert (code, errors) == (0, "")
    vm = SmallAgent(fresh.wire)
    assert vm.package(vm.extensions().handlers[0]) == broken_packages.without_manifest()


def test_the_status_is_shown_as_a_table(fresh: Process, command: Command) -> None:
    code, _, errors = command("status", "--admin", fresh.admin)
    assert (code, errors) == (1, "limpet emulator: vm1 has reported no status that can be read\n")
    command("publish", HELLO, "--admin", fresh.admin)
    SmallAgent(fresh.wire).report(message="greeted")
    code, output, _ = command("status", "--admin", fresh.admin)
    assert code == 0
    first, agent, goal_state, head, row = output.splitlines()
    assert first.startswith("report 1 at ")
    assert agent == "agent 9.9 on vm Ready: here"
    assert goal_state == "goal state 2 Success (0): as wanted"
    assert head.split() == [
        "handler",
        "version",
        "status",
        "code",
        "extension",
        "number",
        "result",
        "message",
    ]
    assert row.split() == ["Limpet.Sample.Hello", "1.0.0", "Ready", "0", "-", "0", "success", "greeted"]


def test_requests_are_listed_by_endpoint_and_number(fresh: Process, command: Command) -> None:
    vm = SmallAgent(fresh.wire)
    for _ in range(3):
        vm.extensions()
    code, output, _ = command(
        "requests", "--admin", fresh.admin, "--endpoint", "goal-state", "--last", "2", "--json"
    )
    assert (code, [entry["endpoint"] for entry in json.loads(output)]) == (0, ["goal-state"] * 2)
    code, output, _ = command("requests", "--admin", fresh.admin)
    assert (code, len(output.splitlines())) == (0, 7)
    code, _, errors = command("requests", "--admin", fresh.admin, "--endpoint", "goalstate")
    assert (code, "there is no endpoint 'goalstate'" in errors) == (1, True)
    code, output, _ = command("requests", "--strangers", "--admin", fresh.admin, "--json")
    assert (code, json.loads(output)) == (0, [])


def test_faults_are_added_listed_and_cleared(fresh: Process, command: Command) -> None:
    admin = ("--admin", fresh.admin)
    code, output, _ = command("faults", "add", "goal-state", "--status", "503", "--count", "1", *admin)
    assert (code, output.splitlines()[1].split()) == (
        0,
        ["1", "goal-state", "0", "1", "0", "0", "status", "503"],
    )
    command("faults", "add", "blob-*", "--delay", "0.5", "--cut", "0", "--vm", "vm1", "--json", *admin)
    with pytest.raises(Exception, match="503"):
        SmallAgent(fresh.wire).goal_state()
    SmallAgent(fresh.wire).goal_state()
    _, output, _ = command("faults", "--json", *admin)
    first, second = json.loads(output)
    assert (first["applied"], first["spent"]) == (1, True)
    assert (second["vm"], second["delay"], second["cut"]) == ("vm1", 0.5, 0)
    assert command("faults", "clear", "1", *admin)[1].startswith("removed 1\n")
    assert command("faults", "clear", *admin)[:2] == (0, "removed 1\n")


def test_waiting_ends_when_it_has_happened_or_when_time_is_up(fresh: Process, command: Command) -> None:
    admin = ("--admin", fresh.admin)
    code, output, _ = command("wait", "--health", "Ready", "--timeout", "0.05", *admin)
    assert (code, output) == (3, "vm1: the condition did not hold within 0.05 s\n")
    assert command("wait", "--health", "Ready", "--timeout", "0.05", "--json", *admin)[:2] == (
        3,
        '{\n  "held": false\n}\n',
    )
    SmallAgent(fresh.wire).goal_state()
    code, output, _ = command("wait", "--endpoint", "goal-state", "--requests", "1", *admin)
    assert code == 0
    assert re.match(r"vm1: after \d+\.\d{3} s\n", output)


def test_vms_are_added_and_removed(fresh: Process, command: Command) -> None:
    admin = ("--admin", fresh.admin)
    code, output, _ = command("vms", "add", "vm2", "10.0.0.9", "--mac", "00:0d:3a:00:00:99", *admin)
    assert (code, output.splitlines()[2].split()[:2]) == (0, ["vm2", "10.0.0.9"])
    assert (
        command("publish", HELLO, *admin)[2]
        == "limpet emulator: say which VM with --vm; there are vm1, vm2\n"
    )
    assert command("vms", "remove", "vm2", *admin)[0] == 0
    assert "there is no VM 'vm2'" in command("vms", "remove", "vm2", *admin)[2]
    command("vms", "remove", "vm1", *admin)
    assert "the fabric has no VM yet" in command("publish", HELLO, *admin)[2]


def test_a_provisioned_vm_is_shown_before_it_has_any_status(fresh: Process, command: Command) -> None:
    admin = ("--admin", fresh.admin)
    vm = SmallAgent(fresh.wire)
    code, _, errors = command("status", *admin)
    assert (code, "has reported no status" in errors) == (1, True)
    body = {
        "state": "NotReady",
        "details": {"subStatus": "ProvisioningFailed", "description": "no \x1b user"},
    }
    vm.post("/provisioning/health", json.dumps(body), **{"User-Agent": "azure-init v0"})
    vm.post("/provisioning/health", '{"state":"Ready"}', **{"User-Agent": "azure-init v0"})
    code, output, _ = command("status", *admin)
    first, second, last = output.splitlines()
    assert code == 0
    assert first.startswith("provisioning ")
    assert first.endswith(" NotReady/ProvisioningFailed: no   user (json, azure-init v0)")
    assert second.endswith(" Ready (json, azure-init v0)")
    assert last.startswith("no status: ")
    assert command("status", "--json", *admin)[0] == 1
    line = command("vms", *admin)[1].splitlines()[1].split()
    assert (line[0], line[2]) == ("vm1", "Ready")


def test_waiting_for_reports_names_and_properties(fresh: Process, command: Command) -> None:
    admin = ("--admin", fresh.admin, "--timeout", "0.05")
    SmallAgent(fresh.wire).post("/provisioning/health", '{"state":"Ready"}')
    assert command("wait", "--health", "Ready", "--health-reports", "1", *admin)[0] == 0
    assert command("wait", "--health-reports", "2", *admin)[0] == 3
    assert command("wait", "--host-name", "box", *admin)[0] == 3
    assert command("wait", "--role-property", "CertificateThumbprint", *admin)[0] == 3


def test_lies_of_dhcp_are_rules_like_others(fresh: Process, command: Command) -> None:
    admin = ("--admin", fresh.admin)
    code, output, _ = command("faults", "add", "dhcp-*", "--lie", "repeat", "--times", "4", *admin)
    assert (code, output.splitlines()[1].split()[-4:]) == (0, ["lie", "repeat,", "times", "4"])
    code, _, errors = command("faults", "add", "goal-state", "--lie", "white", *admin)
    assert (code, "is not known" in errors) == (1, True)


UNUSABLE = [
    (("status", "--admin", "nowhere"), 2, "--admin: 'nowhere' is neither HOST:PORT nor unix:PATH"),
    (
        ("publish", "A.B", "--settings", "{"),
        2,
        "argument --settings: it is not JSON: Expecting property name",
    ),
    (("publish", "A.B", "--settings", "[]"), 2, "argument --settings: it is not a JSON object"),
    (("publish", "A.B", "--settings", "@/nonexistent"), 2, "/nonexistent: cannot be read: No such file"),
    (("publish", "A.B", "--state", "gone"), 2, "invalid choice: 'gone'"),
    (("wait",), 2, "say what to wait for"),
    (("wait", "--gone"), 2, "--gone needs --handler"),
    (("faults", "add"), 2, "say which endpoint"),
    (("faults", "list", "goal-state"), 2, "to add a rule: faults add goal-state"),
    (("faults", "clear", "first"), 2, "'first' is not a rule's number"),
    (("vms", "add", "vm1"), 2, "vms add NAME ADDRESS"),
    (
        ("serve", "--wire", "localhost:80"),
        2,
        "'localhost' is not an address such as 127.0.0.1; names are not looked up",
    ),
    (("serve", "--wire", "0.0.0.0:80"), 2, "0.0.0.0:80: documents name this address to VMs"),
    (("serve", "--wire", "127.0.0.1"), 2, "'127.0.0.1' is not ADDRESS:PORT"),
    (("serve", "--wire", "127.0.0.1:99999"), 2, "is not ADDRESS:PORT"),
    (("serve", "--wire", "[::1]:80"), 2, "the fabric speaks IPv4 only"),
    (("serve", "--vm", "vm1"), 2, "'vm1' is not NAME=ADDRESS"),
    (("serve", "--vm", "vm1=10.0.0.4,"), 2, "'vm1=10.0.0.4,' is not NAME=ADDRESS[,MAC]"),
    (("serve", "--vm", "vm1=10.0.0.4,zz", *ON_LOOPBACK), 2, "'zz' is not a MAC"),
    (("serve", "--admin", "192.0.2.1:1", *ON_LOOPBACK), 2, "the admin API asks for no password"),
    (
        ("serve", "--admin", "unix:/dev/null", *ON_LOOPBACK),
        2,
        "there is a file of that name which is no socket",
    ),
    (
        ("serve", "--admin", "unix:/nonexistent/a", *ON_LOOPBACK),
        2,
        "--admin unix:/nonexistent/a: No such file",
    ),
    (("serve", "--scenario", "/nonexistent"), 2, "/nonexistent: cannot be read: No such file"),
    (("serve", "--wire", "192.0.2.1:80"), 2, "this machine does not have that address"),
    (
        ("serve", "--dhcp", "nothing0", *ON_LOOPBACK),
        2,
        "there is no such interface in this network namespace",
    ),
    (("hover",), 2, "invalid choice: 'hover'"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    UNUSABLE,
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_slip_is_answered_by_what_is_wrong(
    command: Command, arguments: tuple[str, ...], code: int, words: str
) -> None:
    found, output, errors = command(*arguments)
    assert (found, output) == (code, "")
    assert words in " ".join(errors.split())


def test_without_an_emulator_it_is_said_how_to_start_one(command: Command, tmp_path: Path) -> None:
    code, output, errors = command("status", "--admin", f"unix:{tmp_path}/none")
    assert (code, output) == (1, "")
    assert f"Start one with: limpet emulator serve --admin unix:{tmp_path}/none" in errors


def test_another_program_at_the_address_is_not_taken_for_an_emulator(
    running: Process, command: Command
) -> None:
    code, _, errors = command("vms", "--admin", running.wire)
    assert (code, "does not answer like an emulator" in errors) == (1, True)


@pytest.mark.parametrize("name", ["serve", "publish", "vms", "status", "requests", "wait", "faults", "media"])
def test_every_command_has_help_with_an_example(command: Command, name: str) -> None:
    code, output, _ = command(name, "--help")
    assert code == 0
    assert f"example:\n  limpet emulator {name}" in output
    assert "exit codes: 0 done" in output


def test_a_refusal_tells_programs_more_than_its_words(running: Process) -> None:
    with running.client() as api, pytest.raises(EmulatorRefused) as caught:
        api.add_fault({"endpoint": "goal-state", "status": 1})
    assert (caught.value.status, caught.value.where) == (422, "body.status")
    assert caught.value.todo
