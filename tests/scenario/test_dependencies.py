"""Extensions that wait for others. Source: extensions.md §3.4, §3.5."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.scenario.handlers import enable, status_file, uninstall
from tests.scenario.stage import Stage, stage

if TYPE_CHECKING:
    from limpet.host.fake_work import Invocation

FIRST, SECOND, THIRD = "Contoso.First", "Contoso.Second", "Contoso.Third"
BOTH = ["First-1.0.0 install", "First-1.0.0 enable", "Second-1.0.0 install", "Second-1.0.0 enable"]


def chain(*names: str) -> Stage:
    """Handlers each of which depends on the one before; named in the goal state the other way round."""
    play = stage()
    for name in names:
        play.host(name)
    play.publish(
        *reversed([enable(name, dependency_level=level) for level, name in enumerate(names)]),
    )
    return play


def says(play: Stage, status: str) -> None:
    play.parts[f"{FIRST} enable"] = lambda run: play.say(run, status)


def test_levels_give_the_order_and_success_lets_the_next_go() -> None:
    play = chain(FIRST, SECOND, THIRD)
    play.turn()
    assert play.played == [*BOTH, "Third-1.0.0 install", "Third-1.0.0 enable"]


def test_removals_come_first_dependents_before_what_they_depend_on() -> None:
    play = chain(FIRST, SECOND)
    play.turn()
    play.runs.clear()
    play.host(THIRD)
    play.publish(uninstall(FIRST), uninstall(SECOND), enable(THIRD))
    play.turn()
    assert [run.split("-")[0] for run in play.played if "uninstall" in run or "install" in run] == ["Second", "First", "Third"]  # fmt: skip


def test_an_extension_that_takes_its_time_is_waited_for() -> None:
    play = chain(FIRST, SECOND)

    def begin(run: Invocation) -> None:
        play.say(run, "transitioning")
        play.clock.after(1800, lambda: play.say(run, "success"))

    play.parts[f"{FIRST} enable"] = begin
    began = play.clock.monotonic()
    play.turn()
    assert play.played == BOTH
    assert play.clock.monotonic() - began < 1900


@pytest.mark.parametrize(
    ("status", "told"), [("error", "did not succeed, its status was error"), ("warning", "did not reach")]
)
def test_what_ends_otherwise_keeps_its_dependents_from_running(status: str, told: str) -> None:
    play = chain(FIRST, SECOND)
    says(play, status)
    play.turn()
    assert play.played == BOTH[:2]
    assert play.entry(SECOND).code == -1
    assert told in play.message(SECOND)
    assert play.entry(FIRST).status == "Ready"


def test_an_extension_that_never_says_anything_is_waited_for_ninety_minutes() -> None:
    play = chain(FIRST, SECOND)
    play.parts[f"{FIRST} enable"] = 0
    began = play.clock.monotonic()
    play.turn()
    assert play.played == BOTH[:2]
    assert 5400 <= play.clock.monotonic() - began < 5410
    assert "within 90 minutes" in play.message(SECOND)


def test_ninety_minutes_are_for_all_waiting_together() -> None:
    play = chain(FIRST, SECOND, THIRD)

    def slowly(run: Invocation) -> None:
        play.clock.after(4000, lambda: play.say(run, "success"))

    play.parts["enable"] = slowly
    began = play.clock.monotonic()
    play.turn()
    assert play.played == BOTH
    assert 5400 <= play.clock.monotonic() - began < 5410


def test_a_command_that_fails_keeps_all_later_levels_from_running() -> None:
    play = chain(FIRST, SECOND, THIRD)
    play.parts[f"{FIRST} install"] = 3
    play.turn()
    assert play.played == BOTH[:1]
    for name in (SECOND, THIRD):
        assert play.message(name).startswith("Skipped because Contoso.First, on which it depends, failed: Non-zero exit code: 3")  # fmt: skip


def test_the_highest_level_blocks_nobody() -> None:
    play = stage()
    for name in (FIRST, SECOND):
        play.host(name)
    play.publish(enable(FIRST, dependency_level=1), enable(SECOND, dependency_level=1))
    play.parts[f"{FIRST} install"] = 3
    play.turn()
    assert play.played == ["First-1.0.0 install", *BOTH[2:]]


def test_a_skipped_extension_of_a_handler_leaves_its_siblings_alone() -> None:
    play = stage()
    play.host(FIRST)
    play.host(SECOND, supportsMultipleExtensions=True)
    play.publish(
        enable(SECOND, extension="free"),
        enable(FIRST),
        enable(SECOND, extension="bound", dependency_level=1),
    )
    says(play, "error")
    play.turn()
    assert play.state(SECOND, "free") == "success"
    assert play.entry(SECOND, "free").status == "Ready"
    assert play.state(SECOND, "bound") == "error"
    assert "Second enable bound" not in " ".join(play.played)


def test_a_newer_goal_state_ends_the_wait_and_says_what_becomes_of_the_rest() -> None:
    play = chain(FIRST, SECOND)
    says(play, "transitioning")

    def anew() -> None:
        play.publish(enable(SECOND, dependency_level=0), enable(FIRST, dependency_level=0))
        play.agent.poller.poll()

    play.clock.after(100, anew)
    reports = []
    play.clock.after(101, lambda: reports.append(play.agent.reporter.report()))
    began = play.clock.monotonic()
    play.turn()
    assert play.clock.monotonic() - began < 120
    assert play.played == [*BOTH[:2], *BOTH[2:], "First-1.0.0 enable"]
    assert play.entry(SECOND).status == "Ready"
    assert play.aggregate.svd_sequence_number == play.core.vm.current_incarnation
    assert len(play.log.of("goal_state.abandoned")) == 1
    assert play.log.of("handler.failed") == []


def test_the_end_of_the_agent_ends_the_wait_and_nothing_is_called_executed() -> None:
    play = chain(FIRST, SECOND)
    says(play, "transitioning")
    play.clock.after(100, play.agent.board.stop)
    play.turn()
    assert play.status.goal_state is None
    assert play.log.of("handler.failed") == []


def test_a_status_of_another_version_is_not_taken_for_the_wanted_ones() -> None:
    play = chain(FIRST, SECOND)
    play.turn()
    play.runs.clear()
    play.host(FIRST, "2.0.0")
    play.publish(enable(FIRST, version="2.0.0", sequence=5), enable(SECOND))
    play.files.replace(play.folder(FIRST).status / "5.status", status_file("success"))
    play.parts[f"{FIRST}-2.0.0 install"] = 3
    play.turn()
    assert "Skipped because" in play.message(SECOND)
