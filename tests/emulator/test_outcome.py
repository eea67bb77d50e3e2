"""Whether a report shows that a goal state was carried out."""

from __future__ import annotations

from typing import Any

import pytest

from limpet.emulator.commands.outcome import Wanted, outcome

ENABLED = Wanted(
    handler="Acme.Sample", version="1.0", state="enabled", extension=None, sequence=3, goal_state="7"
)


def entry(**more: Any) -> dict[str, Any]:
    return {
        "name": "Acme.Sample",
        "version": "1.0.4",
        "status": "Ready",
        "code": 0,
        "message": {"message": "well"},
        "settings": None,
        **more,
    }


def settings(status: str | None, *, sequence: int = 3, extension: str | None = None) -> dict[str, Any]:
    found = {"status": status, "code": 0, "message": {"message": "said so"}}
    return {"extensionName": extension, "sequenceNumber": sequence, "status": found}


def report(*handlers: dict[str, Any], number: int | str = "7", status: str = "Success") -> dict[str, Any]:
    return {
        "handlers": list(handlers),
        "goalState": {
            "svdSequenceNumber": number,
            "status": status,
            "code": 0,
            "message": {"message": "done"},
        },
    }


def wanted(**more: Any) -> Wanted:
    members = {name: getattr(ENABLED, name) for name in Wanted.__dataclass_fields__}
    return Wanted(**{**members, **more})


MULTI = wanted(extension="one")
BARE = wanted(sequence=None)
CASES: dict[str, tuple[Wanted, dict[str, Any], bool | None]] = {
    "success": (ENABLED, report(entry(settings=settings("success"))), True),
    "the number as a number": (ENABLED, report(entry(settings=settings("success")), number=7), True),
    "another case of the name": (
        ENABLED,
        report(entry(name="acme.sample", settings=settings("success"))),
        True,
    ),
    "the extension's error": (ENABLED, report(entry(settings=settings("error"))), False),
    "still at work": (ENABLED, report(entry(settings=settings("transitioning"))), None),
    "a warning is not the end": (ENABLED, report(entry(settings=settings("warning"))), None),
    "older settings": (ENABLED, report(entry(settings=settings("success", sequence=2))), None),
    "another version": (ENABLED, report(entry(version="1.10", settings=settings("success"))), None),
    "another goal state": (ENABLED, report(entry(settings=settings("success")), number=6), None),
    "no goal state yet": (
        ENABLED,
        {"handlers": [entry(settings=settings("success"))], "goalState": None},
        None,
    ),
    "the handler's failure": (ENABLED, report(entry(status="NotReady", code=1007)), False),
    "not ready yet": (ENABLED, report(entry(status="NotReady")), None),
    "another handler": (ENABLED, report(entry(name="Other", settings=settings("success"))), None),
    "the goal state's failure": (ENABLED, report(status="Failed"), False),
    "no settings, ready": (BARE, report(entry()), True),
    "no settings, failed": (BARE, report(entry(status="NotReady", code=-1)), False),
    "the right extension": (
        MULTI,
        report(
            entry(settings=settings("error", extension="two")),
            entry(settings=settings("success", extension="one")),
        ),
        True,
    ),
    "only the other extension": (MULTI, report(entry(settings=settings("success", extension="two"))), None),
    "disabled": (wanted(state="disabled"), report(entry(status="NotReady")), True),
    "not disabled yet": (wanted(state="disabled"), report(entry(settings=settings("success"))), None),
    "gone": (wanted(state="uninstall"), report(entry(name="Other")), True),
    "still there": (wanted(state="uninstall"), report(entry()), None),
    "gone before this goal state": (wanted(state="uninstall"), report(number=6), None),
}


@pytest.mark.parametrize(("what", "status", "good"), CASES.values(), ids=CASES)
def test_what_a_report_shows(what: Wanted, status: dict[str, Any], good: bool | None) -> None:
    found = outcome(what, status)
    assert (found and found.good) is good
    assert found is None or found.message
