"""Moving from one version to another: what the new one is told of the old one's commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.agent.parts import folder, settings, store

from limpet.agent.commands import CommandFailed, Occasion
from limpet.agent.lifecycle import Step
from limpet.agent.update import Update
from limpet.host.fake import FakeMachine
from limpet.model.errors import Code, HandlerError
from limpet.model.ids import SequenceNumber
from limpet.model.manifest import HandlerState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.agent.layout import HandlerFolder

OLD, NEW = folder("1.0.0"), folder("2.0.0")
UNINSTALLED = "AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE"
DISABLED = "AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODE"
DISABLED_EACH = "AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODES_MULTIPLE_EXTENSIONS"


class Ran:
    def __init__(self) -> None:
        self.log: list[tuple[str, str, str | None]] = []
        self.numbers: list[int] = []
        self.told: Mapping[str, str] = {}
        self.errors: dict[Step, HandlerError] = {}

    def run(self, at: HandlerFolder, occasion: Occasion) -> None:
        self.log.append((at.version, occasion.step.name, occasion.extension))
        self.numbers.append(occasion.sequence_number)
        self.told = occasion.extra
        if occasion.step in self.errors:
            raise self.errors[occasion.step]


def updating(
    *, go_on: bool = False, down: bool = False, numbers: Mapping[str, SequenceNumber] | None = None
) -> tuple[FakeMachine, Ran, Update]:
    fake, ran = FakeMachine(), Ran()
    records = store(fake)
    for each in (OLD, NEW):
        fake.files.make_folder(each.path)
        document = [{"handlerManifest": {"continueOnUpdateFailure": go_on}}]
        fake.files.replace(each.manifest_file, json.dumps(document).encode())
    old, new = (NEW, OLD) if down else (OLD, NEW)
    records.set_state(old, HandlerState.ENABLED)
    records.set_state(new, HandlerState.NOT_INSTALLED)
    commands: Any = ran
    return fake, ran, Update(records, commands, old, new, numbers or {})


def failing(code: int, exit_code: int) -> CommandFailed:
    return CommandFailed("failed", code=code, exit_code=exit_code)


def occasion(step: Step, extension: str | None = None) -> Occasion:
    return Occasion(step=step, sequence_number=1, extension=extension)


def test_the_old_version_is_disabled_only_where_it_is_enabled() -> None:
    fake, ran, update = updating()
    update.run(Step.DISABLE_OLD, occasion(Step.DISABLE_OLD))
    update.run(Step.DISABLE_OLD, occasion(Step.DISABLE_OLD))
    assert ran.log == [("1.0.0", "DISABLE_OLD", None)]
    assert store(fake).state(OLD) is HandlerState.INSTALLED


def test_an_extension_that_the_old_version_did_not_have_is_told_of_as_one_that_was_not_disabled() -> None:
    fake, ran, update = updating(numbers={"new": SequenceNumber(0), "x": SequenceNumber(1)})
    for name in ("gone", "x"):
        store(fake).set_extension_enabled(OLD, name)
    update.run(Step.DISABLE_OLD, occasion(Step.DISABLE_OLD, "new"))
    update.run(Step.UPDATE, occasion(Step.UPDATE, "new"))
    assert json.loads(ran.told[DISABLED_EACH]) == [
        {"extensionName": "new", "exitCode": "NOT_RUN"},
        {"extensionName": "x", "exitCode": "0"},
        {"extensionName": "gone", "exitCode": "0"},
    ]


def test_each_enabled_extension_is_disabled_and_told_of() -> None:
    fake, ran, update = updating(go_on=True)
    for name in ("x", "y"):
        store(fake).set_extension_enabled(OLD, name)
    ran.errors[Step.DISABLE_OLD] = failing(Code.DISABLE, 5)
    update.run(Step.DISABLE_OLD, occasion(Step.DISABLE_OLD, "x"))
    assert ran.log == [("1.0.0", "DISABLE_OLD", "x"), ("1.0.0", "DISABLE_OLD", "y")]
    update.run(Step.UPDATE, occasion(Step.UPDATE, "x"))
    assert json.loads(ran.told[DISABLED_EACH]) == [
        {"extensionName": "x", "exitCode": "5"},
        {"extensionName": "y", "exitCode": "5"},
    ]


def test_each_extension_is_disabled_under_its_own_number_the_wanted_one_or_that_of_its_newest_settings() -> (
    None
):
    fake, ran, update = updating(numbers={"x": SequenceNumber(8)})
    for name in ("x", "y", "z"):
        store(fake).set_extension_enabled(OLD, name)
    store(fake).write_settings(OLD, settings(5, name="y"), "y")
    update.run(Step.DISABLE_OLD, occasion(Step.DISABLE_OLD, "x"))
    assert ran.numbers == [8, 5, 0]


def test_a_handler_that_had_one_extension_and_has_several_now_is_disabled_as_a_whole() -> None:
    _, ran, update = updating()
    update.run(Step.DISABLE_OLD, occasion(Step.DISABLE_OLD, "x"))
    assert ran.log == [("1.0.0", "DISABLE_OLD", None)]
    update.run(Step.UPDATE, occasion(Step.UPDATE, "x"))
    assert json.loads(ran.told[DISABLED_EACH]) == []


def test_a_handler_that_had_several_extensions_and_has_one_now_is_told_of_the_first_that_failed() -> None:
    fake, ran, update = updating(go_on=True)
    for name in ("x", "y"):
        store(fake).set_extension_enabled(OLD, name)
    ran.errors[Step.DISABLE_OLD] = failing(Code.DISABLE, 5)
    update.run(Step.DISABLE_OLD, occasion(Step.DISABLE_OLD))
    assert ran.log == [("1.0.0", "DISABLE_OLD", "x"), ("1.0.0", "DISABLE_OLD", "y")]
    update.run(Step.UPDATE, occasion(Step.UPDATE))
    assert ran.told[DISABLED] == "5"


@pytest.mark.parametrize(
    ("error", "told"),
    [(None, "0"), (failing(Code.DISABLE, 7), "7"), (failing(Code.TIMED_OUT, Code.TIMED_OUT), "1011"), (HandlerError("no such command"), "-1")],
    ids=["well", "exit code", "timed out", "no command"],
)  # fmt: skip
def test_the_new_version_is_told_how_the_old_ones_commands_ended(
    error: HandlerError | None, told: str
) -> None:
    _, ran, update = updating(go_on=True)
    if error is not None:
        ran.errors = {Step.DISABLE_OLD: error, Step.UNINSTALL_OLD: error}
    update.run(Step.DISABLE_OLD, occasion(Step.DISABLE_OLD))
    update.run(Step.UPDATE, occasion(Step.UPDATE))
    assert ran.told[DISABLED] == told
    assert update.uninstall_variable == {UNINSTALLED: "NOT_RUN"}
    update.run(Step.UNINSTALL_OLD, occasion(Step.UNINSTALL_OLD))
    assert update.uninstall_variable == {UNINSTALLED: told}


@pytest.mark.parametrize("step", [Step.DISABLE_OLD, Step.UNINSTALL_OLD])
def test_without_the_flag_a_failure_is_the_updates(step: Step) -> None:
    _, ran, update = updating()
    ran.errors[step] = failing(Code.TIMED_OUT, Code.TIMED_OUT)
    with pytest.raises(HandlerError) as failure:
        update.run(step, occasion(step))
    assert failure.value.code == Code.UPDATE


@pytest.mark.parametrize(("down", "step", "runner", "leaving"), [(False, Step.UPDATE, "2.0.0", "1.0.0"), (True, Step.UPDATE_BY_OLD, "2.0.0", "1.0.0")])  # fmt: skip
def test_the_higher_version_runs_update(down: bool, step: Step, runner: str, leaving: str) -> None:
    _, ran, update = updating(down=down)
    update.run(step, occasion(step))
    assert ran.log == [(runner, step.name, None)]
    assert ran.told["AZURE_GUEST_AGENT_UPDATING_FROM_VERSION"] == leaving


@pytest.mark.parametrize(
    ("down", "step", "marked"), [(False, Step.UPDATE, NEW), (True, Step.UPDATE_BY_OLD, NEW)]
)
def test_a_failed_update_marks_whoever_ran_it(down: bool, step: Step, marked: HandlerFolder) -> None:
    fake, ran, update = updating(down=down, go_on=True)  # the flag is not for this
    ran.errors[step] = failing(Code.UPDATE, 9)
    with pytest.raises(CommandFailed):
        update.run(step, occasion(step))
    assert store(fake).state(marked) is HandlerState.FAILED_UPGRADE


def test_the_old_version_goes_with_its_zip() -> None:
    fake, _, update = updating()
    archive = store(fake).layout.archive(OLD.name, OLD.version)
    fake.files.replace(archive, b"zip")
    update.run(Step.REMOVE_OLD, occasion(Step.REMOVE_OLD))
    assert fake.files.info(OLD.path) is None
    assert fake.files.info(archive) is None
