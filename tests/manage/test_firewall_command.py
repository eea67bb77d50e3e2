"""`limpet firewall` on a fake machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from limpet.cli import VERBS
from limpet.config.settings import Config
from limpet.guest.lease import SAVED_LEASE
from limpet.host.fake import FakeMachine
from limpet.host.fake_programs import install
from limpet.host.fake_programs.firewall import BROKEN, TABLES
from limpet.manage.firewall_command import endpoint, parser, run
from limpet.manage.install import units
from limpet.model.addresses import WIRE_SERVER
from limpet.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.fake_files import FakeFiles

TABLE = TABLES / "limpet"


@dataclass
class Desk:
    """A machine and the command that is given there."""

    machine: FakeMachine
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, **settings: Any) -> tuple[int, str]:
        machine = self.machine
        interpreter = machine.interpreter
        code = run(parser().parse_args(arguments), Config(**settings), interpreter)
        return code, self.capture.readouterr().out

    def table(self) -> bool:
        return self.machine.files.info(TABLE) is not None


@pytest.fixture
def desk(capsys: pytest.CaptureFixture[str]) -> Desk:
    machine = FakeMachine()
    install(machine.commands, "firewall")
    return Desk(machine=machine, capture=capsys)


def put(files: FakeFiles, path: Path, content: bytes) -> None:
    files.make_folder(path.parent)
    files.replace(path, content)


def test_rules_are_applied_shown_and_removed(desk: Desk) -> None:
    assert desk("show")[0] == 1
    assert desk("apply") == (0, "firewall: done\n")
    code, shown = desk("show")
    assert code == 0
    assert "in place" in shown
    assert str(WIRE_SERVER) in shown
    assert desk("apply") == (0, "firewall: unchanged\n")
    assert desk("remove") == (0, "firewall: done\n")
    assert not desk.table()
    assert desk("show")[0] == 1


@pytest.mark.parametrize("action", ["apply", "remove"])
def test_a_dry_run_says_what_would_be_run_and_changes_nothing(desk: Desk, action: str) -> None:
    if action == "remove":
        desk("apply")
    there = desk.table()
    code, said = desk(action, "--dry-run")
    assert code == 0
    assert said.startswith("firewall: run nft ")
    assert desk.table() is there


def test_programs_get_json(desk: Desk) -> None:
    code, said = desk("apply", "--json", "--endpoint", "10.1.2.3")
    document = json.loads(said)
    assert (code, document["state"], document["endpoint"], document["back_end"]) == (
        0,
        "done",
        "10.1.2.3",
        "nft",
    )
    assert document["steps"]
    shown = json.loads(desk("show", "--json", "--endpoint", "10.1.2.3")[1])
    assert shown["in_place"]
    assert json.loads(desk("apply", "--json", "--dry-run", "--endpoint", "10.1.2.3")[1])["steps"] == []


def test_where_nothing_can_be_used_it_fails_with_the_reasons_and_what_to_do(desk: Desk) -> None:
    put(desk.machine.files, BROKEN / "nft", b"no nft here\n")
    put(desk.machine.files, BROKEN / "iptables", b"no iptables here\n")
    for arguments in (("apply",), ("apply", "--dry-run")):
        code, said = desk(*arguments)
        assert code == 1
        assert "no nft here" in said
        assert "no iptables here" in said
        assert "firewall.enabled" in said


def test_what_is_switched_off_is_not_applied_but_can_be_removed(desk: Desk) -> None:
    code, said = desk("apply", firewall=False, origins={"firewall.enabled": "/etc/waagent.conf, line 7"})
    assert code == 0
    assert "/etc/waagent.conf, line 7" in said
    assert not desk.table()
    desk("apply")
    assert desk("remove", firewall=False)[0] == 0
    assert not desk.table()


def test_the_address_is_the_given_one_then_the_configured_one_then_the_leases(desk: Desk) -> None:
    files = desk.machine.files
    assert endpoint(None, files) == str(WIRE_SERVER)
    put(files, SAVED_LEASE, b'{"wire_server": "10.9.9.9"}')
    assert endpoint(None, files) == "10.9.9.9"
    assert json.loads(desk("apply", "--json", fabric_endpoint="10.8.8.8")[1])["endpoint"] == "10.8.8.8"
    given = desk("apply", "--json", "--endpoint", "10.7.7.7", fabric_endpoint="10.8.8.8")[1]
    assert json.loads(given)["endpoint"] == "10.7.7.7"


@pytest.mark.parametrize("address", ["wire.example", "fd00::1", "168.63.129.16; flush ruleset", ""])
def test_an_address_that_is_none_is_refused(desk: Desk, address: str) -> None:
    with pytest.raises(ConfigurationError, match="not an IPv4 address"):
        endpoint(address, desk.machine.files)


def test_the_unit_at_boot_gives_a_command_that_there_is() -> None:
    (line,) = [
        line
        for text in map(bytes.decode, units.VM.files("").values())
        for line in text.splitlines()
        if line.startswith("ExecStart=") and "firewall" in line
    ]
    verb, *arguments = line.split()[1:]
    assert VERBS[verb].module == "limpet.manage.firewall_command"
    assert parser().parse_args(arguments).action == "apply"
