from __future__ import annotations

from typing import Any

import pytest

from limpet.lab.appliance.words import ApplianceWords, gap_between_stages
from limpet.lab.timeline.moments import Moment, Tone, Who

ENTRY: dict[str, Any] = {
    "name": "Acme.X",
    "version": "1.0.0",
    "status": "Ready",
    "code": 0,
    "extension": None,
    "extensionStatus": "success",
    "sequenceNumber": 0,
}


def status(
    at: float, computer: str, message: str, *handlers: Any, state: str = "Ready", serial: int = 2
) -> dict[str, Any]:
    data = {
        "serial": serial,
        "computerName": computer,
        "state": state,
        "message": message,
        "handlers": list(handlers),
        "goalState": None,
    }
    return event("status", at, **data)


def event(kind: str, at: float, **data: Any) -> dict[str, Any]:
    return {"id": 1, "at": at, "kind": kind, "vm": "appliance", "data": data}


def request(endpoint: str, target: str) -> dict[str, Any]:
    return event(
        "request", 1.0, endpoint=endpoint, method="GET", target=target, status=200, replySize=100, seconds=0.1
    )


def moment(words: ApplianceWords, event: dict[str, Any]) -> Moment:
    found = words.moment(event)
    assert found is not None
    return found


def test_it_is_told_who_reports_what_for_the_first_time_and_not_again() -> None:
    words = ApplianceWords("appliance")
    first = moment(words, status(1.0, "appliance", "handover pending", serial=1))
    assert (first.what, first.tone) == ('accepts from Linux: "handover pending"', Tone.GOOD)
    assert moment(words, status(2.0, "appliance", "handover pending")).tone is Tone.QUIET
    then = moment(words, status(3.0, "guestshell", "running"))
    assert (then.what, then.tone) == ('accepts from the guest shell: "running"', Tone.GOOD)
    assert moment(words, status(4.0, "appliance", "handover pending")).tone is Tone.QUIET


def test_trouble_is_told_each_time_it_begins() -> None:
    words = ApplianceWords("appliance")
    for at in (1.0, 3.0):
        bad = moment(words, status(at, "appliance", "rolled back", state="NotReady"))
        assert (bad.what, bad.tone) == ('accepts from Linux: NotReady, "rolled back"', Tone.BAD)
        assert (
            moment(words, status(at + 0.5, "appliance", "rolled back", state="NotReady")).tone is Tone.QUIET
        )
        moment(words, status(at + 1, "guestshell", "running"))


def test_what_is_new_of_handlers_is_told_when_they_are_through() -> None:
    words = ApplianceWords("appliance")
    moment(words, status(1.0, "guestshell", "running", serial=1))
    busy = {**ENTRY, "extensionStatus": "transitioning"}
    assert moment(words, status(2.0, "guestshell", "running", busy)).tone is Tone.QUIET
    done = moment(words, status(3.0, "guestshell", "running", ENTRY))
    assert done.what == "accepts status: Acme.X 1.0.0 Ready, settings 0 success"
    assert done.tone is Tone.GOOD
    assert moment(words, status(4.0, "guestshell", "running", ENTRY)).tone is Tone.QUIET


@pytest.mark.parametrize(
    ("endpoint", "target", "tone"),
    [
        ("blob-download", "/packages/acme.x/Acme.X__1.0.0.zip", Tone.PLAIN),
        ("blob-download", "/packages/acme.x/manifest.xml", Tone.QUIET),
        ("certificates", "/machine?comp=certificates", Tone.QUIET),
    ],
)
def test_of_what_is_fetched_only_packages_are_told(endpoint: str, target: str, tone: Tone) -> None:
    found = moment(ApplianceWords("appliance"), request(endpoint, target))
    assert (found.who, found.tone) == (Who.GUEST, tone)


def test_other_vms_and_polls_are_no_moments() -> None:
    words = ApplianceWords("appliance")
    assert words.moment({**status(1.0, "x", "y"), "vm": "vm9"}) is None
    assert words.moment(request("goal-state", "/machine?comp=goalstate")) is None
    assert words.accepted == ()


def test_the_gap_is_between_the_last_status_of_linux_and_the_first_of_the_guest_shell() -> None:
    words = ApplianceWords("appliance")
    for at, computer in ((1.0, "appliance"), (2.0, "appliance"), (2.25, "guestshell"), (9.0, "guestshell")):
        moment(words, status(at, computer, "words"))
    gap = gap_between_stages(words.accepted)
    assert gap is not None
    assert (gap.last.at, gap.first.at, gap.seconds) == (2.0, 2.25, 0.25)


def test_of_several_handovers_the_latest_gap_counts() -> None:
    words = ApplianceWords("appliance")
    for at, computer in ((1.0, "appliance"), (2.0, "guestshell"), (3.0, "appliance"), (3.5, "guestshell")):
        moment(words, status(at, computer, "words"))
    gap = gap_between_stages(words.accepted)
    assert gap is not None
    assert gap.seconds == 0.5


@pytest.mark.parametrize("computers", [(), ("appliance",), ("guestshell",), ("guestshell", "appliance")])
def test_without_a_handover_there_is_no_gap(computers: tuple[str, ...]) -> None:
    words = ApplianceWords("appliance")
    for at, computer in enumerate(computers):
        moment(words, status(float(at), computer, "words"))
    assert gap_between_stages(words.accepted) is None


def test_a_status_that_cannot_be_read_is_told_and_counts_as_none() -> None:
    words = ApplianceWords("appliance")
    found = moment(words, event("status", 1.0, serial=1, problem="not JSON"))
    assert found.tone is Tone.BAD
    assert words.accepted == ()
