"""Fault rules: which exchange gets which fault."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.emulator.faults import Facts, Fault, FaultRefused, Rule, decide, read_rule, with_rule

ENDPOINTS = frozenset({"goal-state", "vm-settings", "blob-download", "blob-upload"})
BUSY = Fault(status=503)


def facts(endpoint: str = "goal-state", **more: Any) -> Facts:
    return Facts(**{"vm": "vm1", "service": "wire-server", "endpoint": endpoint, **more})


def rule(**more: Any) -> Rule:
    return Rule(**{"endpoint": "goal-state", "fault": BUSY, **more})


def happened(rules: tuple[Rule, ...], *exchanges: Facts) -> list[Fault | None]:
    """What becomes of exchanges, one after the other."""
    found = []
    for exchange in exchanges:
        rules, fault = decide(rules, exchange)
        found.append(fault)
    return found


def test_without_rules_nothing_goes_wrong() -> None:
    assert decide((), facts()) == ((), None)


def test_a_rule_acts_as_often_as_it_counts() -> None:
    assert happened((rule(count=2),), *[facts()] * 4) == [BUSY, BUSY, None, None]


def test_a_rule_without_count_acts_always() -> None:
    assert happened((rule(),), *[facts()] * 5) == [BUSY] * 5


def test_a_rule_lets_the_first_ones_pass() -> None:
    assert happened((rule(skip=2, count=1),), *[facts()] * 4) == [None, None, BUSY, None]


def test_the_first_rule_that_acts_is_the_only_one() -> None:
    late, cut = rule(fault=Fault(delay=1.0), count=1), rule(fault=Fault(cut=5))
    assert happened((late, cut), *[facts()] * 3) == [late.fault, cut.fault, cut.fault]


def test_a_rule_that_skips_leaves_the_exchange_to_the_next() -> None:
    first, second = rule(skip=1, count=1, fault=Fault(garbage=True)), rule(count=1)
    rules, fault = decide((first, second), facts())
    assert fault is BUSY
    assert [each.seen for each in rules] == [1, 1]
    assert happened(rules, facts(), facts()) == [first.fault, None]


MATCHES = [
    ({}, {}, True),
    ({"endpoint": "*"}, {"endpoint": "unknown"}, True),
    ({"endpoint": "blob-*"}, {"endpoint": "blob-upload"}, True),
    ({"endpoint": "blob-*"}, {"endpoint": "goal-state"}, False),
    ({"endpoint": "Goal-State"}, {}, False),
    ({"vm": "vm1"}, {}, True),
    ({"vm": "vm2"}, {}, False),
    ({"vm": "vm?"}, {}, True),
    ({"vm": "*"}, {"vm": None}, False),
    ({}, {"vm": None}, True),
    ({"service": "imds"}, {}, False),
    ({"service": "wire-server"}, {}, True),
    ({"method": "PUT"}, {}, False),
    ({"method": "GET"}, {}, True),
    ({"path": "*.zip"}, {"path": "/packages/a.zip"}, True),
    ({"path": "*.zip"}, {"path": "/packages/manifest.xml"}, False),
]


@pytest.mark.parametrize(("limits", "exchange", "expected"), MATCHES)
def test_a_rule_speaks_of_what_it_is_limited_to(
    limits: dict[str, Any], exchange: dict[str, Any], expected: bool
) -> None:
    assert rule(**limits).matches(facts(**exchange)) is expected


@given(
    counts=st.lists(st.tuples(st.integers(0, 4), st.one_of(st.none(), st.integers(1, 4))), max_size=4),
    exchanges=st.lists(st.sampled_from(["goal-state", "vm-settings"]), max_size=30),
)
def test_counters_tell_what_happened(counts: list[tuple[int, int | None]], exchanges: list[str]) -> None:
    rules: tuple[Rule, ...] = ()
    for skip, count in counts:
        rules = with_rule(rules, rule(skip=skip, count=count))
    faults = 0
    for endpoint in exchanges:
        rules, fault = decide(rules, facts(endpoint))
        faults += fault is not None
        assert fault is None or endpoint == "goal-state"
    assert sum(each.applied for each in rules) == faults
    for each in rules:
        assert each.applied == max(0, each.seen - each.skip)
        assert each.count is None or each.applied <= each.count
        assert each.spent == (each.applied == each.count)


def test_ids_are_not_used_again_while_a_later_one_is_there() -> None:
    rules = with_rule(with_rule(with_rule((), rule()), rule()), rule())
    assert [each.id for each in rules] == [1, 2, 3]
    assert [each.id for each in with_rule(rules[1:], rule())] == [2, 3, 4]


READ = [
    ({"status": 503}, Fault(status=503)),
    ({"status": 503, "body": "later"}, Fault(status=503, body="later")),
    ({"delay": 2}, Fault(delay=2.0)),
    ({"delay": 0.5, "cut": 0}, Fault(delay=0.5, cut=0)),
    ({"cut": 100}, Fault(cut=100)),
    ({"garbage": True, "refused": False}, Fault(garbage=True)),
    ({"refused": True}, Fault(refused=True)),
    ({"endless": True, "status": None}, Fault(endless=True)),
]


@pytest.mark.parametrize(("members", "expected"), READ)
def test_a_rule_is_read_from_its_members(members: dict[str, Any], expected: Fault) -> None:
    found = read_rule({"endpoint": "blob-*", **members}, ENDPOINTS)
    assert found == Rule(endpoint="blob-*", fault=expected)


REFUSED = {
    "no fault": ({}, "endpoint", "the rule says no fault"),
    "a fault that is none": ({"garbage": False, "delay": 0}, "endpoint", "the rule says no fault"),
    "two faults": ({"status": 500, "cut": 0}, "cut", "status and cut cannot happen to the same answer"),
    "an unknown endpoint": (
        {"endpoint": "goalstate", "status": 500},
        "endpoint",
        "no endpoint is called 'goalstate'",
    ),
    "a status that is none": ({"status": 99}, "status", "99 is not a status code"),
    "an interim status": ({"status": 100}, "status", "100 is not a status code"),
    "a delay into the past": ({"delay": -1}, "delay", "a delay of -1 s"),
    "a delay that is no number": ({"delay": float("nan")}, "delay", "a delay of nan s"),
    "an endless delay": ({"delay": 1e9}, "delay", "a delay of 1e"),
    "a negative cut": ({"cut": -1}, "cut", "a cut after -1 bytes"),
    "a count of none": ({"status": 500, "count": 0}, "count", "count is 0"),
    "a negative skip": ({"status": 500, "skip": -1}, "skip", "skip is -1"),
    "a body without status": ({"garbage": True, "body": "x"}, "body", "give the status as well"),
}


@pytest.mark.parametrize(("members", "member", "problem"), REFUSED.values(), ids=REFUSED)
def test_a_rule_that_makes_no_sense_is_refused(members: dict[str, Any], member: str, problem: str) -> None:
    with pytest.raises(FaultRefused, match=problem) as caught:
        read_rule({"endpoint": "goal-state", **members}, ENDPOINTS)
    assert caught.value.member == member


def test_a_rule_as_json_can_be_read_again() -> None:
    members = {
        "endpoint": "*",
        "vm": "a*",
        "method": "PUT",
        "delay": 1.5,
        "status": 410,
        "body": "gone",
        "skip": 1,
        "count": 3,
    }
    found = read_rule(members, ENDPOINTS)
    assert found.as_json() == {**members, "id": 0, "seen": 0, "applied": 0, "spent": False}
    assert read_rule(found.as_json(), ENDPOINTS) == found


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(delay=2.0, status=503), "delay 2 s, status 503"),
        (Fault(cut=0), "cut after 0 bytes"),
        (Fault(garbage=True), "garbage"),
        (Fault(delay=0.25, endless=True), "delay 0.25 s, endless"),
        (Fault(refused=True), "refused"),
    ],
)
def test_a_fault_has_words(fault: Fault, words: str) -> None:
    assert fault.describe() == words
