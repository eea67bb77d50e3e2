"""Reading what handlers say of themselves."""

from __future__ import annotations

import json

import pytest
from tests.agent.parts import LAYOUT, folder, handler, item, settings, store

from limpet.agent.statuses import LONGEST_SETTLING, SETTLING, Statuses
from limpet.host.fake import FakeMachine
from limpet.model.manifest import HandlerState
from limpet.model.status import ExtensionState, HandlerStatus, Message

PATH = folder().status / "0.status"
KNOWN = HandlerStatus(
    name="Contoso.Sample", version="1.0.0", status="Ready", message=Message(message="Plugin enabled")
)


def written(word: str) -> bytes:
    return json.dumps([{"status": {"status": word}}]).encode()


def saying(content: bytes | None) -> tuple[FakeMachine, Statuses]:
    fake = FakeMachine()
    fake.files.make_folder(folder().status)
    if content is not None:
        fake.files.replace(PATH, content)
    return fake, Statuses(store(fake), fake.clock)


@pytest.mark.parametrize("state", ExtensionState)
def test_a_status_is_what_its_file_says(state: ExtensionState) -> None:
    _, statuses = saying(written(state.value))
    assert statuses.of_file(PATH).status is state
    assert not statuses.changed()


def test_no_file_is_in_transition() -> None:
    _, statuses = saying(None)
    found = statuses.of_file(PATH)
    assert (found.status, found.code) == (ExtensionState.TRANSITIONING, 0)
    assert not statuses.changed()


def test_a_change_of_any_file_that_was_read_is_seen() -> None:
    fake, statuses = saying(written("success"))
    other = folder().status / "1.status"
    statuses.of_file(PATH)
    statuses.of_file(other)
    assert not statuses.changed()
    fake.files.replace(other, written("success"))
    assert statuses.changed()
    statuses.begin()
    assert not statuses.changed()


def test_what_cannot_be_read_asks_for_another_look_until_it_is_called_an_error() -> None:
    fake, statuses = saying(b"[")
    assert statuses.of_file(PATH).status is ExtensionState.TRANSITIONING
    assert statuses.changed()
    fake.clock.sleep(SETTLING)
    assert statuses.of_file(PATH).status is ExtensionState.ERROR
    assert not statuses.changed()
    statuses.begin()
    assert statuses.of_file(PATH).status is ExtensionState.ERROR
    fake.files.replace(PATH, written("success"))
    assert statuses.changed()
    assert statuses.of_file(PATH).status is ExtensionState.SUCCESS


def test_a_file_that_changes_and_stays_bad_has_a_bounded_time() -> None:
    fake, statuses = saying(b"[")
    seen = []
    for _ in range(int(LONGEST_SETTLING) // 5 + 1):
        fake.files.replace(PATH, b"[")
        seen.append(statuses.of_file(PATH).status)
        fake.clock.sleep(5)
    assert seen[-2:] == [ExtensionState.TRANSITIONING, ExtensionState.ERROR]


def test_a_bad_file_that_nobody_asks_for_any_more_is_forgotten() -> None:
    _, statuses = saying(b"[")
    statuses.of_file(PATH)
    statuses.begin()  # the next report: it does not read the file
    assert statuses.changed()
    statuses.begin()
    assert not statuses.changed()


def test_a_status_counts_only_where_its_version_is_installed() -> None:
    fake, statuses = saying(written("success"))
    wanted = item(handler(settings(0)))
    assert statuses.file_of(wanted) is None
    fake.files.replace(folder().manifest_file, b"[]")
    store(fake).set_state(folder(), HandlerState.ENABLED)
    assert statuses.file_of(wanted) == PATH
    assert statuses.state_in(PATH) is ExtensionState.SUCCESS
    assert statuses.state_in(folder().status / "5.status") is None
    assert statuses.file_of(item(handler())) is None
    fake.files.broken[LAYOUT.library] = "Input/output error"
    assert statuses.file_of(wanted) is None


def test_a_heartbeat_of_the_future_is_fresh() -> None:
    fake, statuses = saying(None)
    beat = [
        {"heartbeat": {"status": "ready", "code": 0, "formattedMessage": {"lang": "en", "message": "here"}}}
    ]
    fake.files.replace(folder().heartbeat_file, json.dumps(beat).encode())
    fake.clock.step(-100_000)
    found = statuses.with_heartbeat(folder(), KNOWN)
    assert (found.status, found.message) == ("ready", Message(message="here", lang="en"))
