"""What is read from the fabric's record and the supervisor's journal: moments of handovers, and which report counts."""

from __future__ import annotations

from typing import Any

import pytest

from limpet.lab.appliance.words import GUEST_NAME
from limpet.lab.bench.appliance_figures import (
    CASES,
    ENDED,
    FIGURES,
    FIRST,
    GRANTED,
    MOVED,
    PARTS_CASE,
    PEERS_CASE,
    Handover,
    Report,
    entered,
    first,
    handover,
    last,
    reports,
)
from limpet.lab.commands import LabError

NOOP = "Some.Noop"


def state(at: float, name: str) -> dict[str, Any]:
    return {"at": at, "kind": "state", "facts": {"state": name}}


def grant(at: float, holder: str) -> dict[str, Any]:
    return {"at": at, "kind": "grant", "facts": {"holder": holder, "epoch": 1}}


def report(at: float, *, guest: bool, **done: int) -> Report:
    return Report(at=at, guest=guest, done=done)


def status(at: float, computer: str, *handlers: dict[str, Any]) -> dict[str, Any]:
    return {"at": at, "status": {"guest": {"computerName": computer}, "handlers": list(handlers)}}


def entry(name: str, state: str, sequence: int) -> dict[str, Any]:
    return {"name": name, "settings": {"sequenceNumber": sequence, "status": {"status": state}}}


WELL: tuple[dict[str, Any], ...] = (
    state(1.0, "preparing"),
    grant(1.1, "status-only"),
    state(2.0, "handing-over"),
    {"at": 2.1, "kind": "move", "facts": {"name": "eth1", "to": "network OS"}},
    grant(3.0, "nobody"),
    state(4.0, "confirming"),
    grant(4.5, "guest-shell"),
    state(5.0, "steady"),
)
HEARD = (
    report(1.5, guest=False),
    report(2.9, guest=False),
    report(4.75, guest=True),
    report(9.0, guest=True),
)


def test_a_gap_is_from_the_last_report_before_to_the_first_one_after_and_its_parts_are_all_of_it() -> None:
    found = handover(WELL, HEARD)
    assert found == Handover(began=2.0, last=2.9, ended=3.0, moved=4.0, granted=4.5, steady=5.0, first=4.75)
    assert found.gap == pytest.approx(1.85)
    parts = found.parts()
    assert list(parts) == [ENDED, MOVED, GRANTED, FIRST]
    assert sum(parts.values()) == pytest.approx(found.gap)


def test_a_handover_that_was_taken_back_counts_for_nothing() -> None:
    refused = [state(0.1, "handing-over"), grant(0.2, "nobody"), state(0.3, "rolling-back"), *WELL]
    assert handover(refused, HEARD) == handover(WELL, HEARD)


def test_a_repair_is_no_handover() -> None:
    repaired = [*WELL, state(6.0, "repairing"), state(6.1, "confirming"), state(6.2, "steady")]
    with pytest.raises(LabError, match="no handover"):
        handover(repaired, HEARD, after=5.5)


def test_of_two_handovers_the_one_after_the_moment_counts() -> None:
    later = [{**record, "at": record["at"] + 10} for record in WELL]
    heard = [*HEARD, report(12.9, guest=False), report(14.6, guest=True)]
    assert handover([*WELL, *later], heard, after=9.5).gap == pytest.approx(1.7)


def test_a_handover_without_a_report_before_it_has_no_gap() -> None:
    with pytest.raises(LabError, match="before the handover"):
        handover(WELL, HEARD[2:])


def test_who_reports_is_told_by_the_host_name_and_unreadable_reports_are_left_out() -> None:
    found = reports(
        [
            status(1.0, "router-1"),
            {"at": 2.0, "status": None},
            {"at": 2.5, "status": {"guest": None, "handlers": []}},
            status(3.0, GUEST_NAME, entry(NOOP, "success", 4), entry("Other", "transitioning", 2)),
            status(4.0, GUEST_NAME, {"name": NOOP, "settings": None}),
        ]
    )
    assert found == [
        Report(at=1.0, guest=False, done={}),
        Report(at=3.0, guest=True, done={NOOP: 4}),
        Report(at=4.0, guest=True, done={}),
    ]


def test_the_first_report_after_a_moment_is_of_who_is_asked_for_and_has_the_newest_settings() -> None:
    found = [
        report(1.0, guest=True, noop=7),
        report(2.0, guest=False),
        report(3.0, guest=True, noop=6),
        report(4.0, guest=True, noop=8),
    ]
    assert first(found, after=1.0, guest=True).at == 3.0
    assert first(found, after=1.0, guest=False).at == 2.0
    assert first(found, after=1.0, guest=True, done=("noop", 7)).at == 4.0
    with pytest.raises(LabError, match="of Linux"):
        first(found, after=2.0, guest=False)
    assert last(found, before=4.0, guest=True).at == 3.0


def test_a_state_is_entered_after_a_moment_or_not_at_all() -> None:
    assert entered(WELL, "confirming") == 4.0
    with pytest.raises(LabError, match="confirming"):
        entered(WELL, "confirming", after=4.0)


def test_figures_have_keys_of_their_own_and_every_case_has_one() -> None:
    assert len({figure.key for figure in FIGURES}) == len(FIGURES)
    assert {case.gap for case in CASES} <= set(FIGURES)
    assert {PARTS_CASE, PEERS_CASE} <= set(CASES)
