"""The power cut, or the supervisor killed, before every single change of a story: an appliance always ends well.

All points of all stories: make simulate.
"""

from __future__ import annotations

import pytest
from tests.appliance.simulation.crashes import crashed, points
from tests.appliance.simulation.stories import STORIES, WITH_THE_KERNEL, steady

EVERY = {"steady": 1, "rolled_back": 2, "network_os_killed": 3}
"""Of the others every seventh point: their beginning is the same."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kill", [False, True], ids=["power cut", "supervisor killed"])
@pytest.mark.parametrize("name", STORIES)
def test_a_crash_at_any_change_ends_handed_over_or_rolled_back_and_reachable(name: str, kill: bool) -> None:
    story = STORIES[name]
    count = points(story)
    assert count > 90, "the story has become shorter than it was: are its changes still counted?"
    every = EVERY.get(name, 7)
    wrong = [
        each
        for at in range(count % every, count, every)
        for each in crashed(story, at, kill=kill, torn=at * 7 % 150)
    ]
    assert not wrong, wrong[0]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kill", [False, True], ids=["power cut", "supervisor killed"])
@pytest.mark.parametrize("name", WITH_THE_KERNEL)
def test_a_crash_at_any_change_ends_as_well_with_the_embedded_network_os(name: str, kill: bool) -> None:
    story = STORIES[name]
    count = points(story, kernel=True)
    assert count > 120
    wrong = [
        each
        for at in range(count % 11, count, 11)
        for each in crashed(story, at, kill=kill, torn=at * 7 % 150, kernel=True)
    ]
    assert not wrong, wrong[0]


def test_a_crash_point_is_told_again_the_same() -> None:
    assert points(steady) == points(steady)
