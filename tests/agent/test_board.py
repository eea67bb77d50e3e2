"""The board: newest goal state, refusals, and the bell."""

from __future__ import annotations

import threading

from tests.agent.parts import snapshot

from limpet.agent.board import Board
from limpet.model.status import GoalStateAggregate, HandlerStatus, Message

AGGREGATE = GoalStateAggregate(
    status="Success", code=0, message=Message(message=""), svd_sequence_number="1", finished=""
)
REFUSAL = HandlerStatus(name="x", version="1", status="NotReady", code=-1)


def test_the_bell_rings_for_everything_that_a_report_would_show() -> None:
    board = Board()
    counts = [board.count]
    board.adopt(snapshot())
    counts.append(board.count)
    for act in (board.begin, lambda: board.finish(None), board.ring, board.stop):
        act()
        counts.append(board.count)
    assert counts == [0, 1, 2, 3, 4, 5]


def test_a_ring_that_came_before_the_wait_is_not_missed() -> None:
    board = Board()
    seen = board.count
    board.ring()
    assert board.wait(seen, None) == seen + 1


def test_a_ring_ends_a_wait_of_another_thread() -> None:
    board = Board()
    seen = board.count
    thread = threading.Thread(target=board.ring)
    thread.start()
    assert board.wait(seen, 30) == seen + 1
    thread.join()


def test_a_wait_ends_by_itself() -> None:
    board = Board()
    assert board.wait(board.count, 0.001) == 0


def test_only_the_end_cuts_a_pause_short() -> None:
    board = Board()
    board.stop()
    board.pause(30)
    assert board.wait(board.count, None) == board.count


def test_the_last_outcome_stays_until_there_is_another() -> None:
    board = Board()
    board.begin()
    assert board.processing
    board.finish(AGGREGATE)
    board.begin()
    board.finish(None)
    assert board.aggregate == AGGREGATE
    assert not board.processing


def test_refusals_are_those_of_the_goal_state_being_processed() -> None:
    board = Board()
    board.refuse(REFUSAL)
    assert board.refusal("x") == REFUSAL
    board.begin()
    assert board.refusal("x") is None


def test_who_waits_for_the_first_report_goes_on_when_it_was_taken_or_nobody_will_wait() -> None:
    board = Board()
    board.await_report(0.0)
    board.reported()
    board.await_report(3600.0)
    ending = Board()
    ending.stop()
    ending.await_report(3600.0)
