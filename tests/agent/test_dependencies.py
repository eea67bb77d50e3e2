"""Waiting for an extension on which others depend."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.agent.parts import folder, handler, item, ports, settings, snapshot, store

from limpet.agent.board import Board
from limpet.agent.dependencies import LONGEST_WAIT, Dependencies
from limpet.agent.statuses import Statuses
from limpet.host.fake import FakeMachine
from limpet.model.manifest import HandlerState

if TYPE_CHECKING:
    from collections.abc import Callable

ITEM = item(handler(settings(0)))


def waiting() -> tuple[FakeMachine, Board, Dependencies]:
    fake, board = FakeMachine(), Board()
    board.adopt(snapshot())
    fake.files.make_folder(folder().status)
    fake.files.replace(folder().manifest_file, b"[]")
    store(fake).set_state(folder(), HandlerState.ENABLED)
    return fake, board, Dependencies(Statuses(store(fake), fake.clock), board, ports(fake))


def say(fake: FakeMachine, word: str) -> None:
    fake.files.replace(folder().status / "0.status", json.dumps([{"status": {"status": word}}]).encode())


def waited(fake: FakeMachine, dependencies: Dependencies) -> tuple[str | None, float]:
    """What the wait came to, and how long it took."""
    began = fake.clock.monotonic()
    return dependencies.wait(ITEM, dependencies.deadline(), 1), fake.clock.monotonic() - began


@pytest.mark.parametrize(("word", "told"), [("success", None), ("error", "its status was error"), ("failed", "its status was error")])  # fmt: skip
def test_a_last_word_ends_the_wait(word: str, told: str | None) -> None:
    fake, _, dependencies = waiting()
    fake.clock.after(100, lambda: say(fake, word))
    outcome, seconds = waited(fake, dependencies)
    assert seconds < 101
    assert outcome == told or (told is not None and outcome is not None and told in outcome)


@pytest.mark.parametrize("word", ["transitioning", "warning", None])
def test_anything_else_is_waited_for_to_the_end(word: str | None) -> None:
    fake, _, dependencies = waiting()
    if word is not None:
        say(fake, word)
    outcome, seconds = waited(fake, dependencies)
    assert LONGEST_WAIT <= seconds < LONGEST_WAIT + 1
    assert outcome is not None
    assert "within 90 minutes" in outcome


def test_what_was_waited_for_with_one_goal_state_is_forgotten_with_the_next() -> None:
    fake, board, _ = waiting()
    statuses = Statuses(store(fake), fake.clock)
    dependencies = Dependencies(statuses, board, ports(fake))
    for number in range(20):
        fake.files.replace(folder().status / f"{number}.status", b'[{"status": {"status": "success"}}]')
        assert dependencies.wait(item(handler(settings(number))), dependencies.deadline(), 1) is None
    assert len(statuses._paths) == 1


def test_what_has_no_settings_is_not_waited_for() -> None:
    fake, _, dependencies = waiting()
    bare = item(handler())
    assert dependencies.wait(bare, fake.clock.monotonic() - 1, 1) is None


@pytest.mark.parametrize("end", [lambda board: board.stop(), lambda board: board.adopt(snapshot(number=2))], ids=["end", "newer goal state"])  # fmt: skip
def test_the_end_and_a_newer_goal_state_cut_it_short(end: Callable[[Board], None]) -> None:
    fake, board, dependencies = waiting()
    fake.clock.after(10, lambda: end(board))
    outcome, seconds = waited(fake, dependencies)
    assert outcome is not None
    assert seconds < 11


def test_the_same_goal_state_in_other_words_does_not() -> None:
    fake, board, dependencies = waiting()
    fake.clock.after(10, lambda: board.adopt(snapshot(number=1)))
    fake.clock.after(20, lambda: say(fake, "success"))
    assert waited(fake, dependencies)[0] is None
