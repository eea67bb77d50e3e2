from __future__ import annotations

from itertools import product

import pytest

from limpet.agent.commands import _OPERATIONS as COMMANDS
from limpet.agent.lifecycle import (
    COMMAND_SECONDS,
    NEEDS_PACKAGE,
    OPERATIONS,
    UPDATES,
    Direction,
    Step,
    Wish,
    steps,
)
from limpet.agent.steps import _ACTIONS
from limpet.model.manifest import HandlerState

UPDATE_ONLY = {
    Step.DISABLE_OLD, Step.CARRY_OVER, Step.UPDATE, Step.UPDATE_BY_OLD, Step.UNINSTALL_OLD, Step.REMOVE_OLD,
}  # fmt: skip


def test_every_state_has_an_answer_to_every_wish() -> None:
    assert set(OPERATIONS) == set(product(HandlerState, Wish))


def test_both_directions_have_an_answer_for_every_wish_that_keeps_the_handler() -> None:
    assert set(UPDATES) == set(product(Direction, {Wish.ENABLE, Wish.WITHDRAW}))


def test_every_step_can_be_done() -> None:
    assert set(_ACTIONS) | UPDATE_ONLY == set(Step)
    assert not set(_ACTIONS) & UPDATE_ONLY


def test_every_step_that_runs_a_command_has_a_time_limit() -> None:
    assert set(COMMANDS) == set(COMMAND_SECONDS)


@pytest.mark.parametrize("state", HandlerState)
def test_settings_are_written_before_every_enable(state: HandlerState) -> None:
    chosen = OPERATIONS[state, Wish.ENABLE]
    assert chosen.index(Step.WRITE_SETTINGS) < chosen.index(Step.ENABLE)
    if Step.INSTALL in chosen:
        assert chosen.index(Step.WRITE_SETTINGS) < chosen.index(Step.INSTALL)


@pytest.mark.parametrize("direction", Direction)
def test_the_old_version_is_there_until_the_update_command_has_run(direction: Direction) -> None:
    chosen = UPDATES[direction, Wish.ENABLE]
    update = Step.UPDATE if direction is Direction.UPGRADE else Step.UPDATE_BY_OLD
    assert chosen.index(Step.DISABLE_OLD) < chosen.index(update) < chosen.index(Step.REMOVE_OLD)
    assert (
        chosen.index(Step.REMOVE_OLD) < chosen.index(Step.INSTALL_IF_UPDATE_MODE) < chosen.index(Step.ENABLE)
    )


@pytest.mark.parametrize(("state", "wish"), list(product(HandlerState, Wish)))
def test_another_version_matters_only_to_a_handler_that_must_still_come(
    state: HandlerState, wish: Wish
) -> None:
    updating = Step.DISABLE_OLD in steps(state, wish, Direction.UPGRADE)
    assert updating is (state in NEEDS_PACKAGE and wish in {Wish.ENABLE, Wish.WITHDRAW})
