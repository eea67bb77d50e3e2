"""`limpet serial-console` on machines in memory. What is written where: tests/plans/kernel_arguments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.plans.cases import FOLDER, read

from limpet.manage.serial_console_command import parser, run

if TYPE_CHECKING:
    import pytest

    from limpet.host.fake import FakeMachine


def machine(case: str = "grub_drop_in") -> FakeMachine:
    found = read(FOLDER / "kernel_arguments" / f"{case}.toml")
    made = found.machine()
    found.plan(made)  # leaves only the programs of the case installed
    return made


def call(on: FakeMachine, *arguments: str) -> int:
    return run(parser().parse_args(arguments), on.interpreter)


def test_it_is_done_once_and_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    on = machine()
    assert call(on) == 0
    assert capsys.readouterr().out == "serial-console-grub: done\nIt takes effect at the next boot.\n"
    assert call(on) == 0
    assert capsys.readouterr().out == "serial-console-grub: unchanged\n"
    assert call(on, "--remove") == 0
    assert call(on, "--remove") == 0
    assert capsys.readouterr().out.endswith("serial-console-grub: unchanged\n")


def test_a_dry_run_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    on = machine()
    before = dict(on.files.nodes)
    assert call(on, "--dry-run") == 0
    assert on.files.nodes == before
    assert "  run update-grub\n" in capsys.readouterr().out


def test_programs_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    on = machine("grub_block")
    assert call(on, "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert [task["task"] for task in plan] == ["serial-console-grub", "serial-console-entries"]
    assert call(on, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [outcome["state"] for outcome in document["outcomes"]] == ["done", "done"]
    assert document["reboot"] is True


def test_a_machine_without_a_known_boot_loader_is_an_error_with_advice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    on = machine("nothing_known")
    assert call(on) == 1
    said = capsys.readouterr().out
    assert "no configuration of GRUB or of systemd-boot was found" in said
    assert "console=ttyS0,115200n8" in said
    assert call(on, "--dry-run") == 1
    assert call(on, "--remove") == 0
