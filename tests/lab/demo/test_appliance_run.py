from __future__ import annotations

import io
import json
from typing import Any

import pytest
from tests.lab.appliance.test_picture import BOOT, HANDOVER, record
from tests.lab.appliance.test_words import status

from limpet.lab.demo.appliance_run import ApplianceRun, Reached, Reported
from limpet.lab.demo.appliance_show import appliance_show
from limpet.lab.demo.run import NotReached

STEADY = Reached(stage="steady")
HEARD = Reported(sender="the guest shell", since=0.0)


def run(hold: float = 0.0) -> tuple[ApplianceRun, io.StringIO]:
    stream = io.StringIO()
    show = appliance_show(stream, as_json=True, driver="FRRouting", runtime="LXC")
    return ApplianceRun(show, vm="appliance", nics=("eth0", "eth1", "eth2"), hold=hold), stream


def journaled(story: ApplianceRun, *entries: Any, first: int = 1) -> None:
    for number, (kind, facts) in enumerate(entries, start=first):
        story.take_record(record(number, kind, facts))


def test_goals_are_reached_in_whatever_order_they_come() -> None:
    for swapped in (False, True):
        story, _ = run()
        if swapped:
            story.take_event(status(0.5, "guestshell", "running"))
            journaled(story, *BOOT, *HANDOVER)
        else:
            journaled(story, *BOOT, *HANDOVER)
            story.take_event(status(50.0, "guestshell", "running"))
        steady, heard = story.until_all(STEADY, HEARD, limit=10.0)
        assert steady.at == len(BOOT + HANDOVER)
        assert heard.at == (0.5 if swapped else 50.0)


def test_what_comes_after_the_last_goal_is_told_later() -> None:
    story, stream = run()
    journaled(story, *BOOT, *HANDOVER)
    story.take_event(status(90.0, "guestshell", "running"))
    story.until_all(STEADY, limit=10.0)
    assert "running" not in stream.getvalue()
    story.until_all(HEARD, limit=10.0)
    assert "running" in stream.getvalue()


def test_what_is_waited_for_in_vain_is_named_after_all_that_is_known_was_told() -> None:
    story, stream = run(hold=60.0)
    journaled(story, *BOOT)
    with pytest.raises(
        NotReached, match="the appliance to be steady and a status of the guest shell that says Ready"
    ):
        story.until_all(STEADY, HEARD, limit=0.2)
    assert "preparing" in stream.getvalue()


@pytest.mark.parametrize(
    ("sender", "since", "state"),
    [("Linux", 0.0, "Ready"), ("the guest shell", 5.0, "Ready"), ("the guest shell", 0.0, "NotReady")],
)
def test_another_status_is_not_what_is_waited_for(sender: str, since: float, state: str) -> None:
    story, _ = run()
    story.take_event(status(5.0, "guestshell", "running"))
    with pytest.raises(NotReached):
        story.until_all(Reported(sender=sender, since=since, state=state), limit=0.2)


def test_a_stage_counts_from_a_moment_on() -> None:
    story, _ = run()
    journaled(story, *BOOT, *HANDOVER)
    with pytest.raises(NotReached):
        story.until_all(Reached(stage="steady", since=100.0), limit=0.2)


def test_the_run_keeps_the_fabrics_record_of_statuses() -> None:
    story, stream = run()
    for at, computer in ((1.0, "appliance"), (2.0, "guestshell")):
        story.take_event(status(at, computer, "words"))
    story.until_all(HEARD, limit=10.0)
    assert [(each.at, each.name) for each in story.accepted] == [(1.0, "Linux"), (2.0, "the guest shell")]
    assert [json.loads(line)["facts"]["sender"] for line in stream.getvalue().splitlines()] == [
        "Linux",
        "the guest shell",
    ]
