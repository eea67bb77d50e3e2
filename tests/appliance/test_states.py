"""The table of states: no dead ends, no words missing, and a place to begin after every kind of end."""

from __future__ import annotations

import pytest

from limpet.appliance.states import AFTER_A_CRASH, AFTER_A_START, TABLE, Event, State, follow
from limpet.appliance.supervisor import ACTIVITIES

LIVING = [state for state in State if state is not State.STOPPED]


@pytest.mark.parametrize("state", LIVING)
def test_every_state_has_something_to_do_and_something_that_follows(state: State) -> None:
    assert state in ACTIVITIES
    assert any(before is state for before, _ in TABLE)


@pytest.mark.parametrize("state", list(State))
def test_every_state_says_in_words_where_the_appliance_is(state: State) -> None:
    assert state.words


@pytest.mark.parametrize("start", LIVING)
def test_from_every_state_there_is_a_way_to_steady_and_a_way_to_rescue(start: State) -> None:
    reached, todo = set(), [start]
    while todo:
        state = todo.pop()
        if state not in reached:
            reached.add(state)
            todo += [after for (before, _), after in TABLE.items() if before is state]
    assert {State.STEADY, State.RESCUE} <= reached


@pytest.mark.parametrize("event", [event for event in Event if event is not Event.STOP])
def test_every_event_leads_somewhere(event: Event) -> None:
    assert any(happened is event for _, happened in TABLE)


@pytest.mark.parametrize("state", LIVING)
def test_being_asked_to_end_is_followed_from_everywhere(state: State) -> None:
    assert follow(state, Event.STOP) is State.STOPPED


@pytest.mark.parametrize("state", [None, *LIVING])
def test_there_is_a_beginning_after_every_end(state: State | None) -> None:
    assert AFTER_A_START[state] in ACTIVITIES
    assert AFTER_A_CRASH[state] in ACTIVITIES


@pytest.mark.parametrize(
    ("row", "left", "begins"),
    [
        ("before provisioning", None, State.BOOTING),
        ("during provisioning", State.BOOTING, State.BOOTING),
        ("provisioned, handover not begun", State.PREPARING, State.BOOTING),
        ("mid-handover", State.HANDING_OVER, State.ROLLING_BACK),
        ("handed over, guest not confirmed", State.CONFIRMING, State.BOOTING),
        ("steady", State.STEADY, State.BOOTING),
        ("during rollback", State.ROLLING_BACK, State.ROLLING_BACK),
        ("rolled back", State.RESCUE, State.BOOTING),
    ],
)
def test_the_reboot_table_says_where_a_machine_begins(row: str, left: State | None, begins: State) -> None:
    assert AFTER_A_START[left] is begins, row
