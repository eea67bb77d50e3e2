"""One command of a handler: its variables, its log, what its failure is called."""

from __future__ import annotations

import json

import pytest
from tests.agent.parts import LAYOUT, NAME, folder, ports, store

from limpet.agent.commands import LONGEST_SHOWN, CommandFailed, Commands, Occasion, command_environment
from limpet.agent.lifecycle import COMMAND_SECONDS, Step
from limpet.agent.telemetry import Telemetry
from limpet.host.fake import FakeMachine
from limpet.host.ports import Completed
from limpet.model.errors import Code, HandlerError

RUNNING = [step for step in Step if step in COMMAND_SECONDS]


class Told(Telemetry):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, bool, float]] = []

    def did(
        self,
        name: str,
        version: str,
        operation: str,
        *,
        success: bool,
        message: str,
        seconds: float,
        at: float | None = None,
    ) -> None:
        self.events.append((operation, success, seconds))


def commanding(**fragments: str) -> tuple[FakeMachine, Commands, Told]:
    fake, told = FakeMachine(), Told()
    fake.files.make_folder(folder().path)
    inner = {f"{operation}Command": f"bin/{operation}" for operation in ("install", "enable", "update", "disable", "uninstall")}  # fmt: skip
    document = [
        {"handlerManifest": {**inner, **{f"{name}Command": text for name, text in fragments.items()}}}
    ]
    fake.files.replace(folder().manifest_file, json.dumps(document).encode())
    commands = Commands(store(fake), ports(fake), told, wire_server="1.2.3.4", environment={"PATH": "/bin", "VERSION": "mine"})  # fmt: skip
    return fake, commands, told


@pytest.mark.parametrize("step", RUNNING, ids=lambda step: step.name)
def test_each_step_that_runs_something_has_its_command_and_its_time(step: Step) -> None:
    fake, commands, told = commanding()
    operation = step.name.lower().split("_")[0]
    fake.processes.scripts[f"bin/{operation}"] = lambda _: None
    commands.run(folder(), Occasion(step=step))
    (ran,) = fake.processes.ran
    assert ran.command == f"{folder().path}/bin/{operation}"
    assert ran.timeout == COMMAND_SECONDS[step]
    assert ran.folder == folder().path
    assert told.events == [(operation.capitalize(), True, 0)]


def test_the_agents_own_variables_win() -> None:
    occasion = Occasion(
        step=Step.UPDATE, sequence_number=4, extension="e", extra={"VERSION": "2", "OTHER": "3"}
    )
    found = command_environment(folder(), occasion, "1.2.3.4", {"VERSION": "mine"})
    assert (found["VERSION"], found["OTHER"]) == ("mine", "3")
    assert (found["ConfigSequenceNumber"], found["ConfigExtensionName"]) == ("4", "e")
    assert "AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE" not in found


def test_a_leading_slash_of_a_fragment_does_not_make_it_absolute() -> None:
    fake, commands, _ = commanding(enable="//bin/enable && echo x")
    fake.processes.scripts[f"{folder().path}/bin/enable && echo x"] = lambda _: None
    commands.run(folder(), Occasion(step=Step.ENABLE))
    assert fake.processes.ran[0].command == f"{folder().path}/bin/enable && echo x"


@pytest.mark.parametrize(
    ("outcome", "step", "code", "exit_code", "begins"),
    [
        (3, Step.INSTALL, Code.INSTALL, 3, "Non-zero exit code: 3, "),
        (-9, Step.ENABLE, Code.ENABLE, -9, "Non-zero exit code: -9, "),
        (1, Step.UNINSTALL, Code.PROCESSING, 1, "Non-zero exit code: 1, "),
        (None, Step.DISABLE, Code.TIMED_OUT, Code.TIMED_OUT, "Timeout(900): "),
    ],
)
def test_a_failure_has_the_contracts_code_and_beginning(
    outcome: int | None, step: Step, code: Code, exit_code: int, begins: str
) -> None:
    fake, commands, told = commanding()
    done = Completed(exit_code=outcome, stdout=b"o", stderr=b"e", seconds=0)
    fake.processes.scripts[f"bin/{step.name.lower()}"] = lambda _: done
    with pytest.raises(CommandFailed) as failure:
        commands.run(folder(), Occasion(step=step))
    assert (failure.value.code, failure.value.exit_code) == (code, exit_code)
    assert str(failure.value).startswith(begins)
    assert str(failure.value).endswith("[stdout]\no\n\n[stderr]\ne")
    assert not told.events[0][1]


def test_a_command_that_cannot_be_started_is_the_handlers_error() -> None:
    fake, commands, _ = commanding()
    fake.files.broken[folder().path] = "Input/output error"
    with pytest.raises(CommandFailed, match="Failed to launch") as failure:
        commands.run(folder(), Occasion(step=Step.ENABLE))
    assert failure.value.code == Code.ENABLE


def test_a_command_of_endless_length_is_shown_by_its_beginning() -> None:
    fake, commands, _ = commanding(enable="x" * 100_000)
    with pytest.raises(HandlerError) as failure:
        commands.run(folder(), Occasion(step=Step.ENABLE))
    assert len(str(failure.value)) < LONGEST_SHOWN + 5000
    log = fake.files.read(folder().command_log(None), at_most=100_000)
    assert len(log) < LONGEST_SHOWN + 5000


def test_the_log_says_what_ran_for_whom_and_how_it_ended_without_variables() -> None:
    fake, commands, _ = commanding()
    fake.processes.scripts["bin/enable"] = lambda _: fake.clock.sleep(1.5)
    commands.run(folder(), Occasion(step=Step.ENABLE, extension="first", extra={"SECRET": "hush"}))
    text = fake.files.read(folder().command_log("first"), at_most=10_000).decode()
    assert text == (
        f"2026-01-01T00:00:01Z run enable: {folder().path}/bin/enable\nexit code 0 after 1.500 s\n[stdout]\n\n\n[stderr]\n\n"
    )
    assert "hush" not in str(fake.log.entries)


def test_a_log_that_cannot_be_written_fails_nothing() -> None:
    fake, commands, _ = commanding()
    fake.processes.scripts["bin/enable"] = lambda _: None
    fake.files.broken[LAYOUT.logs / NAME] = "Read-only file system"
    commands.run(folder(), Occasion(step=Step.ENABLE))
    assert len(fake.log.of("handler.log_unwritable")) == 1


def test_a_running_command_can_be_ended() -> None:
    fake, commands, _ = commanding()
    fake.processes.scripts["bin/enable"] = lambda _: commands.stop()
    with pytest.raises(CommandFailed, match="exit code: -9"):
        commands.run(folder(), Occasion(step=Step.ENABLE))
