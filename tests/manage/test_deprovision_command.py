"""What `limpet deprovision` says, when it asks, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.manage.machines import exists, machine_with

from limpet.config.settings import Config
from limpet.guest.forgetting import Forgetting, render_forgetting
from limpet.guest.steps import Remove, Task
from limpet.host.fake_commands import Said
from limpet.host.fake_programs.deprovision import RUNNING
from limpet.host.lock import SingleInstance
from limpet.manage.deprovision_command import QUESTION, _running, main, parser, run
from limpet.model.errors import ConfigurationError, HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.host.fake import FakeMachine
    from limpet.host.fake_commands import Call
    from limpet.host.fake_files import FakeFiles

KEY = "/var/lib/waagent/Certificates.pem"


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """The command turns the console's interrupt off; the tests' own is put back."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGHUP)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def used() -> FakeMachine:
    files = {KEY: "private", "/var/lib/waagent/provisioned": "x", "/etc/hostname": "vm1\n"}
    return machine_with({**files, "/var/log/waagent.log": ""}, "deprovision")


class Person:
    """Gives one answer. asked: what it was asked."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def __call__(self, question: str) -> str:
        self.asked.append(question)
        return self.answer


@pytest.mark.parametrize("answer", ["y\n", "Yes\n", "  y"])
def test_it_is_done_when_a_person_agrees(answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    machine, person = used(), Person(answer)
    assert run(parser().parse_args([]), Config(), machine.interpreter, person) == 0
    assert person.asked == [QUESTION]
    assert not exists(machine, KEY)
    said = capsys.readouterr().out
    assert "WARNING! /var/lib/waagent will be emptied: certificates and keys" in said
    assert "Done: switch this machine off now." in said


@pytest.mark.parametrize("answer", ["n\n", "", "no", "maybe y"])
def test_nothing_is_done_when_a_person_does_not(answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    machine = used()
    assert run(parser().parse_args([]), Config(), machine.interpreter, Person(answer)) == 1
    assert machine.battery.spent == used().battery.spent
    assert capsys.readouterr().out.endswith("Nothing was done.\n")


def test_an_interrupt_at_the_question_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(question: str) -> str:
        raise KeyboardInterrupt

    machine = used()
    with pytest.raises(KeyboardInterrupt):
        run(parser().parse_args([]), Config(), machine.interpreter, interrupted)
    assert exists(machine, KEY)
    assert capsys.readouterr().out.endswith("Nothing was done.\n")


def test_an_interrupt_while_it_works_does_not_stop_it_half_way() -> None:
    machine = used()
    sent: list[bool] = []

    def interrupt() -> None:
        if not sent:
            sent.append(True)
            signal.raise_signal(signal.SIGINT)

    machine.files.before = interrupt
    assert run(parser().parse_args(["--force"]), Config(), machine.interpreter, None) == 0
    assert sent
    assert not exists(machine, KEY)


class Hung(StringIO):
    """A terminal that goes when the first part is done."""

    def write(self, text: str) -> int:
        if text.startswith(("done:", "Done:")):
            raise BrokenPipeError
        return super().write(text)


def test_a_terminal_that_goes_while_it_works_does_not_leave_half_of_it() -> None:
    machine, whole = used(), used()
    heard: list[int] = []
    signal.signal(signal.SIGHUP, lambda number, _frame: heard.append(number))
    machine.files.before = lambda: signal.raise_signal(signal.SIGHUP)
    with redirect_stdout(Hung()), pytest.raises(BrokenPipeError):
        run(parser().parse_args(["--force"]), Config(), machine.interpreter, None)
    machine.files.before = lambda: None
    assert run(parser().parse_args(["--force"]), Config(), whole.interpreter, None) == 0
    assert heard == []
    assert machine.files.nodes.keys() == whole.files.nodes.keys()


def test_where_nobody_can_be_asked_it_says_what_to_do() -> None:
    machine = used()
    with pytest.raises(ConfigurationError, match="no terminal to ask on: add --force"):
        run(parser().parse_args([]), Config(), machine.interpreter, None)
    assert exists(machine, KEY)
    with pytest.raises(ConfigurationError, match="--json cannot ask"):
        main(["--json"])


def test_what_fails_is_named_and_the_rest_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    machine = used()
    machine.files.broken[Path("/var/lib/waagent/provisioned")] = "Input/output error"
    assert run(parser().parse_args(["--force"]), Config(), machine.interpreter, None) == 1
    said = capsys.readouterr().out
    assert "library/provisioned: cannot remove /var/lib/waagent/provisioned" in said
    assert "Input/output error" in said
    assert "1 of 4 parts were not done" in said
    assert not exists(machine, KEY)


def test_programs_are_told_each_part_and_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parser().parse_args(["--force", "--json", "--user"]), Config(), used().interpreter, None) == 0
    document = json.loads(capsys.readouterr().out)
    assert {outcome["state"] for outcome in document["outcomes"]} == {"done"}
    assert any("No user will be deleted" in note for note in document["notes"])
    assert any("/var/log/waagent.log" in loss for loss in document["losses"])


def test_a_dry_run_shows_every_step_and_does_none(capsys: pytest.CaptureFixture[str]) -> None:
    machine = used()
    assert run(parser().parse_args(["--dry-run"]), Config(), machine.interpreter, None) == 0
    assert f"  remove {KEY}\n" in capsys.readouterr().out
    assert machine.battery.spent == used().battery.spent
    assert run(parser().parse_args(["--dry-run", "--json"]), Config(), machine.interpreter, None) == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert {"task": "library/provisioned", "purpose": "remove /var/lib/waagent/provisioned"}.items() <= plan[
        -2
    ].items()


def test_on_an_image_there_is_nothing_to_be_done_and_nothing_is_asked() -> None:
    machine = machine_with({"/etc/hostname": "localhost.localdomain\n"}, "deprovision")
    machine.kernel.name = "localhost.localdomain"
    person = Person("y")
    assert run(parser().parse_args([]), Config(), machine.interpreter, person) == 0
    assert person.asked == []


def test_a_name_that_a_terminal_would_obey_is_shown_as_it_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    machine = machine_with({"/var/lib/waagent/\x1b[2Jgone\udcff": ""}, "deprovision")
    run(parser().parse_args(["--dry-run"]), Config(), machine.interpreter, None)
    said = capsys.readouterr().out
    assert "remove /var/lib/waagent/\\x1b[2Jgone\\udcff" in said


def test_the_configuration_decides_about_host_keys_and_roots_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = {"/etc/ssh/ssh_host_rsa_key": "private", "/etc/shadow": "root:$6$x$y:1::::::\n"}
    machine = machine_with({**files}, "deprovision")
    run(parser().parse_args(["--dry-run"]), Config(), machine.interpreter, None)
    assert "ssh_host_rsa_key" in (said := capsys.readouterr().out)
    assert "Root's password will be disabled" in said
    kept = Config(regenerate_host_keys=False, delete_root_password=False)
    run(parser().parse_args(["--dry-run"]), kept, machine.interpreter, None)
    assert "ssh_host_rsa_key" not in (said := capsys.readouterr().out)
    assert "Root" not in said


@pytest.mark.parametrize(
    "holders", [("limpet agent, process 12",), ("limpet appliance, process 7", "limpet agent, process 12")]
)
def test_an_agent_that_is_no_service_is_named_and_nothing_is_done(
    holders: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    machine, person = used(), Person("y")
    with pytest.raises(HostError, match=f"{' and '.join(holders)}: end it, and run this again"):
        run(parser().parse_args([]), Config(), machine.interpreter, person, lambda: holders)
    assert person.asked == []
    assert exists(machine, KEY)
    capsys.readouterr()
    assert run(parser().parse_args(["--dry-run"]), Config(), machine.interpreter, None, lambda: holders) == 0
    assert (
        f"Note: first end what runs here and is no service: {' and '.join(holders)}."
        in capsys.readouterr().out
    )


def test_who_holds_the_agents_lock_is_who_runs(tmp_path: Path) -> None:
    config = Config(lock=tmp_path / "lock")
    assert _running(config) == ()
    with SingleInstance(config.lock, who="limpet agent"):
        assert _running(config) == (f"limpet agent, process {os.getpid()}",)
    assert config.lock.exists()
    assert _running(config) == ()


def test_a_supervisor_that_is_a_service_is_stopped_and_needs_no_end_by_hand() -> None:
    machine = used()
    for path in ("/run/systemd/system/x", str(RUNNING / "limpet-appliance.service")):
        machine.files.make_folder(Path(path).parent)
        machine.files.replace(Path(path), b"")
    holders = ("limpet appliance, process 7",)
    assert run(parser().parse_args(["--force"]), Config(), machine.interpreter, None, lambda: holders) == 0
    assert not exists(machine, str(RUNNING / "limpet-appliance.service"))


def test_an_appliance_says_what_its_network_os_forgets_and_what_it_keeps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    machine = machine_with({"/var/lib/limpet/journal": "{}", "/opt/startup": "secret"}, "deprovision")
    options = parser().parse_args(["--dry-run", "--json", "--set", "appliance.network_os=frr"])
    told = Forgetting(
        network_os="frr",
        tasks=(
            Task(
                name="x", purpose="forget the start-up configuration", steps=(Remove(Path("/opt/startup")),)
            ),
        ),
        notes=("The licence stays.",),
    )
    heard: list[tuple[str, ...]] = []

    def worker(_files: FakeFiles, call: Call) -> Said:
        heard.append(call.argv)
        return Said(render_forgetting(told))

    machine.commands.programs[Path(sys.executable).name] = worker
    assert run(options, Config(), machine.interpreter, None) == 0
    document = json.loads(capsys.readouterr().out)
    assert "The network OS (frr) will forget the start-up configuration." in document["losses"]
    assert "The licence stays." in document["notes"]
    steps = {each["task"]: each["steps"] for each in document["plan"]}
    assert steps["network-os/x"] == ["remove /opt/startup"]
    assert heard[0][heard[0].index("--set") :][:2] == ("--set", "appliance.network_os=frr")
