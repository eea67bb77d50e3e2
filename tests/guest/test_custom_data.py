from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.boot.translator import NoNetworkOs, translator
from limpet.guest.custom_data import (
    CustomDataFacts,
    CustomDataWish,
    decoded,
    plan_custom_data,
    plan_custom_data_run,
)
from limpet.guest.steps import Run, Write
from limpet.guest.translation import DayZero, day_zero_document
from limpet.model.provisioning import OvfEnvironment
from limpet.model.secret import Secret

LIBRARY = Path("/var/lib/waagent")
VM = "aaaaaaaa-0000-4000-8000-000000000001"


def wish(text: str | None, *, decode: bool = False, execute: bool = False) -> CustomDataWish:
    secret = None if text is None else Secret(text)
    return CustomDataWish(vm_id=VM, library=LIBRARY, text=secret, decode=decode, execute=execute)


def test_no_custom_data_is_no_duty() -> None:
    assert plan_custom_data(wish(None, execute=True), CustomDataFacts()) == ()
    assert plan_custom_data_run(wish(None, execute=True), CustomDataFacts()) == ()


@given(st.binary(max_size=300), st.integers(1, 80), st.sampled_from(["\n", "\r\n", " ", "\t"]))
def test_base64_is_decoded_with_white_space_anywhere_and_without_padding(
    content: bytes, width: int, gap: str
) -> None:
    text = b64encode(content).decode()
    broken = gap.join(text[i : i + width] for i in range(0, len(text), width))
    assert decoded(Secret(broken)) == Secret(content)
    assert decoded(Secret(broken.rstrip("="))) == Secret(content)


@pytest.mark.parametrize("text", ["#!/bin/sh", "a", "ab=c", "é", "====", "AAAA-_AA"])
def test_what_is_not_base64_is_not_guessed_at(text: str) -> None:
    assert decoded(Secret(text)) is None


@given(st.text(max_size=100))
def test_any_text_is_kept_and_no_plan_shows_it(text: str) -> None:
    for decode in (False, True):
        tasks = plan_custom_data(wish(f"hunter2{text}", decode=decode), CustomDataFacts())
        assert isinstance(tasks[0].steps[-1], Write)
        assert "hunter2" not in "".join(step.describe() for task in tasks for step in task.steps)


def test_binary_custom_data_is_kept_byte_for_byte() -> None:
    content = bytes(range(256))
    (task,) = plan_custom_data(wish(b64encode(content).decode(), decode=True), CustomDataFacts())
    step = task.steps[-1]
    assert isinstance(step, Write)
    assert step.content == Secret(content)


@pytest.mark.parametrize(
    ("content", "argv"),
    [
        (b"#!/bin/sh\nexit", ("/var/lib/waagent/CustomData",)),
        (b"\x7fELF\0", ("/var/lib/waagent/CustomData",)),
        (b"echo hello\n", ("/bin/sh", "/var/lib/waagent/CustomData")),
    ],
)
def test_it_is_run_as_a_shell_would(content: bytes, argv: tuple[str, ...]) -> None:
    facts = CustomDataFacts(programs=frozenset({"/bin/sh"}))
    run, note = plan_custom_data_run(wish(b64encode(content).decode(), execute=True), facts)
    (step,) = run.steps
    assert isinstance(step, Run)
    assert step.argv == argv
    assert not run.required
    assert "custom-data-run" not in note.after


def test_it_is_run_again_for_another_vm_and_for_the_same_in_another_spelling_not() -> None:
    asked = wish(b64encode(b"x").decode(), execute=True)
    assert plan_custom_data_run(asked, CustomDataFacts(ran_for=VM.upper())) == ()
    assert plan_custom_data_run(asked, CustomDataFacts(ran_for="another")) != ()


def test_a_translator_is_told_everything_but_secrets() -> None:
    environment = OvfEnvironment(
        host_name="vm1",
        user_name="alice",
        user_password=Secret("sesame"),
        custom_data=Secret(b64encode(b"day 0").decode()),
    )
    day_zero = DayZero(vm_id=VM, environment=environment)
    document = json.loads(day_zero_document(day_zero))
    assert (document["hostName"], document["hasPassword"], document["hasCustomData"]) == ("vm1", True, True)
    assert "sesame" not in json.dumps(document)
    (task,) = translator(Path("/opt/translate"), 5.0).plan(day_zero)
    (run,) = [step for step in task.steps if isinstance(step, Run)]
    assert run.stdin == Secret(b"day 0")
    assert run.timeout == 5.0


def test_a_translator_is_asked_once_for_a_vm_and_none_is_asked_on_a_plain_one() -> None:
    day_zero = DayZero(vm_id=VM, environment=OvfEnvironment(host_name="vm1"), made_for=VM.upper())
    assert translator(Path("/opt/translate"), 5.0).plan(day_zero) == ()
    assert translator(None, 5.0) == NoNetworkOs()
    assert NoNetworkOs().plan(day_zero) == ()
