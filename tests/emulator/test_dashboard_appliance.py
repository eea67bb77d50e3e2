"""What somebody tells of an appliance: taken leniently, bounded, and made into a story and status gaps."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulator.scenes import document
from tests.emulator.worlds import NAME, NOW, Client, world

from limpet.emulator.dashboard.appliance import (
    LONGEST_TEXT,
    MOST_ITEMS,
    SHAPE,
    STAGES,
    WrongDocument,
    read_appliance,
)
from limpet.emulator.dashboard.gap import Gap, accepted, opened
from limpet.emulator.dashboard.members import member
from limpet.emulator.dashboard.story import status_accepted, told
from limpet.emulator.world.vm import StatusReport, VirtualMachine
from limpet.model.extensions import BlobType
from limpet.model.status import AgentStatus, GuestInfo, Message


def holding(holder: str, epoch: int = 3, **lease: Any) -> dict[str, Any]:
    return {"fabricLease": {"holder": holder, "epoch": epoch, **lease}}


def reported(vm: VirtualMachine, at: float, *, readable: bool = True) -> VirtualMachine:
    status = AgentStatus(
        timestamp="", guest=GuestInfo(computer_name="", os_name="", os_version="", agent_version=""),
        message=Message(message=""),
    )  # fmt: skip
    statuses = vm.inbox.statuses.append(
        StatusReport(
            serial=vm.inbox.statuses.seen + 1, at=at, channel="direct", kind=BlobType.BLOCK, raw=b"",
            status=status if readable else None,
        )
    )  # fmt: skip
    vm = replace(vm, inbox=replace(vm.inbox, statuses=statuses))
    return status_accepted(vm, at) if readable else vm


def plain_vm() -> VirtualMachine:
    return Client(world()).vm


def after(vm: VirtualMachine, at: float, **members: Any) -> VirtualMachine:
    return told(vm, read_appliance({"version": 1, **members}), at)[0]


def gaps(vm: VirtualMachine) -> list[tuple[float, float | None]]:
    assert vm.appliance is not None
    return [
        (gap.since - NOW, gap.until if gap.until is None else gap.until - NOW) for gap in vm.appliance.gaps
    ]


def test_a_document_is_taken_as_it_is() -> None:
    assert read_appliance(document("steady")) == document("steady")


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_known(stage: str) -> None:
    assert read_appliance({"version": 1, "stage": stage})["stage"] == stage


@pytest.mark.parametrize("name", sorted(set(SHAPE) - {"version"}))
def test_every_member_may_be_null_or_absent(name: str) -> None:
    assert read_appliance({"version": 1, name: None}) == {"version": 1, name: None}
    assert read_appliance({"version": 1}) == {"version": 1}


def test_unknown_members_are_kept_out_at_every_depth() -> None:
    given_ = {
        "version": 1,
        "secret": "x",
        "networkOs": {"driver": "frr", "password": "x"},
        "nics": [{"key": "x"}],
    }
    assert read_appliance(given_) == {"version": 1, "networkOs": {"driver": "frr"}, "nics": [{}]}


@pytest.mark.parametrize(
    ("given_", "where"),
    [
        (None, "body"),
        ([], "body"),
        ({}, "body.version"),
        ({"version": 2}, "body.version"),
        ({"version": True}, "body.version"),
        ({"version": 1, "stage": "flying"}, "body.stage"),
        ({"version": 1, "since": "now"}, "body.since"),
        ({"version": 1, "since": float("nan")}, "body.since"),
        ({"version": 1, "since": float("inf")}, "body.since"),
        ({"version": 1, "since": 10**400}, "body.since"),
        ({"version": 1, "nics": {}}, "body.nics"),
        ({"version": 1, "nics": [{"up": 1}]}, "body.nics[0].up"),
        ({"version": 1, "guestShell": {"restarts": 1.5}}, "body.guestShell.restarts"),
        ({"version": 1, "lease": {"dns": [1]}}, "body.lease.dns[0]"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(given_: Any, where: str) -> None:
    with pytest.raises(WrongDocument) as caught:
        read_appliance(given_)
    assert caught.value.where == where
    assert caught.value.todo


def test_texts_and_arrays_are_bounded_and_tokens_are_taken_out() -> None:
    found = read_appliance(
        {
            "version": 1,
            "words": "x" * 10_000,
            "nics": [{"name": "eth0"}] * 1000,
            "networkOs": {"problem": "no https://store.example/a?sv=1&sig=TOPSECRET"},
        }
    )
    assert len(found["words"]) == LONGEST_TEXT
    assert len(found["nics"]) == MOST_ITEMS
    assert "TOPSECRET" not in json.dumps(found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*SHAPE, "holder", "x"]), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(JSON, JSON)
def test_any_json_is_taken_or_refused_and_what_is_taken_can_be_told(one: Any, other: Any) -> None:
    vm = plain_vm()
    for value in (one, other):
        try:
            found = read_appliance({**value, "version": 1} if isinstance(value, dict) else value)
        except WrongDocument:
            continue
        json.dumps(found, allow_nan=False)
        vm, happened = told(vm, found, NOW)
        assert all(each.words for each in happened)


def test_a_member_is_found_by_its_path_where_it_is_and_nowhere_else() -> None:
    assert member(document("steady"), "fabricLease", "holder") == "guest-shell"
    assert member({"fabricLease": None}, "fabricLease", "holder") is None
    assert member({}, "fabricLease", "holder") is None


def words(before: dict[str, Any], then: dict[str, Any]) -> list[tuple[str, bool]]:
    vm, _ = told(plain_vm(), read_appliance({"version": 1, **before}), NOW)
    _, happened = told(vm, read_appliance({"version": 1, **then}), NOW + 1)
    return [(one.words, one.bad) for one in happened]


@pytest.mark.parametrize(
    ("before", "then", "expected"),
    [
        (document("steady"), document("steady"), []),
        ({}, {"stage": "steady", "words": "well"}, [("steady: well", False)]),
        ({"stage": "steady"}, {"stage": "rescue"}, [("rescue", True)]),
        (holding("boot"), holding("guest-shell", 4), [("the guest shell holds the fabric lease, epoch 4", False)]),
        (
            {"nics": [{"name": "eth0", "owner": "linux"}]},
            {"nics": [{"name": "eth0", "owner": "network OS"}]},
            [("eth0: linux → network OS", False)],
        ),
        (
            {"nics": [{"name": "eth0", "owner": "linux", "primary": True}, {"name": "eth1", "owner": "linux"}]},
            {"nics": [{"name": "eth0", "owner": "network OS", "primary": True}, {"name": "eth1", "owner": "network OS"}]},
            [("eth1: linux → network OS", False), ("eth0: linux → network OS", False)],
        ),
        (
            {"nics": [{"name": "eth1", "owner": "network OS"}, {"name": "eth0", "owner": "network OS", "primary": True}]},
            {"nics": [{"name": "eth1", "owner": "linux"}, {"name": "eth0", "owner": "linux", "primary": True}]},
            [("eth0: network OS → linux", False), ("eth1: network OS → linux", False)],
        ),
        ({"nics": [{"name": "eth0", "owner": "linux"}]}, {"nics": []}, [("eth0 is there no more", True)]),
        ({"nics": None}, {"nics": [{"name": "eth9", "owner": "guest"}]}, [("eth9 is with guest", False)]),
        (
            {"networkOs": {"driver": "frr", "health": "healthy"}},
            {"networkOs": {"driver": "frr", "health": "dead", "problem": "killed"}},
            [("network OS (frr): dead: killed", True)],
        ),
        (
            {"guestShell": {"state": "running", "restarts": 0}},
            {"guestShell": {"state": "running", "restarts": 1}},
            [("guest shell: running, restart 1", True)],
        ),
        (
            {"handover": {"attempts": 1}},
            {"handover": {"attempts": 2, "problem": "no way"}},
            [("handover, attempt 2", False), ("trouble: no way", True)],
        ),
    ],
)  # fmt: skip
def test_what_changed_from_one_document_to_the_next_is_told_in_words(
    before: dict[str, Any], then: dict[str, Any], expected: list[tuple[str, bool]]
) -> None:
    assert words(before, then) == expected


def test_the_status_gap_is_from_the_last_status_before_to_the_first_after_the_holder_changed() -> None:
    vm = after(plain_vm(), NOW, **holding("status-only"))
    vm = reported(vm, NOW + 1)
    vm = reported(vm, NOW + 3)
    vm = after(vm, NOW + 3.2, **holding("nobody", 4))
    assert gaps(vm) == [(3, None)]
    vm = after(vm, NOW + 3.5, **holding("guest-shell", 5))
    assert gaps(vm) == [(3, None)]
    vm = reported(vm, NOW + 3.6, readable=False)
    assert gaps(vm) == [(3, None)]
    vm = reported(vm, NOW + 3.75)
    assert gaps(vm) == [(3, 3.75)]
    vm = reported(vm, NOW + 6)
    assert gaps(vm) == [(3, 3.75)]
    assert vm.appliance is not None
    assert vm.appliance.gaps[0].seconds == pytest.approx(0.75)
    assert vm.appliance.gaps[0].cause == "handover to the guest shell"


def test_a_roll_back_has_a_gap_of_its_own() -> None:
    vm = reported(after(plain_vm(), NOW, **holding("guest-shell")), NOW + 1)
    vm = reported(after(vm, NOW + 2, **holding("status-only", 4)), NOW + 5)
    vm = reported(after(vm, NOW + 6, **holding("guest-shell", 5)), NOW + 7)
    assert gaps(vm) == [(1, 5), (5, 7)]


def test_a_network_os_under_repair_is_no_gap_while_the_holder_stays() -> None:
    vm = reported(after(plain_vm(), NOW, stage="steady", **holding("guest-shell")), NOW + 1)
    assert gaps(after(vm, NOW + 2, stage="repairing", **holding("guest-shell"))) == []


@pytest.mark.parametrize("earlier", ["boot", "nobody"])
def test_the_first_stage_that_reports_at_all_opens_no_gap(earlier: str) -> None:
    vm = reported(after(plain_vm(), NOW, **holding(earlier)), NOW + 0.9)
    assert gaps(after(vm, NOW + 1, **holding("status-only", 4))) == []


def test_without_a_status_before_there_is_no_gap() -> None:
    vm = after(after(plain_vm(), NOW, **holding("boot")), NOW + 1, **holding("guest-shell"))
    assert gaps(reported(vm, NOW + 2)) == []


def test_a_document_that_comes_late_may_say_since_when_the_holder_holds() -> None:
    vm = reported(after(plain_vm(), NOW, **holding("status-only")), NOW + 1)
    vm = reported(vm, NOW + 1.5)
    vm = after(vm, NOW + 2, **holding("guest-shell", 4, since=NOW + 1.2))
    assert gaps(vm) == [(1, 1.5)]


def test_a_handover_is_dated_by_its_last_report_from_linux_even_where_the_document_comes_late() -> None:
    vm = reported(after(plain_vm(), NOW, **holding("status-only")), NOW + 1)
    vm = reported(vm, NOW + 1.5)
    vm = after(vm, NOW + 1.7, handover={"before": NOW + 1.05}, **holding("nobody", 4))
    assert gaps(vm) == [(1, 1.5)]
    vm = after(vm, NOW + 2.7, handover={"before": NOW + 1.05}, **holding("guest-shell", 5))
    assert gaps(vm) == [(1, 1.5)]
    assert vm.appliance is not None
    assert vm.appliance.gaps[0].cause == "handover to the guest shell"


def test_a_roll_back_of_which_one_hears_late_is_the_gap_that_it_closed() -> None:
    vm = reported(after(plain_vm(), NOW, **holding("guest-shell")), NOW + 1)
    vm = after(vm, NOW + 9.5, **holding("guest-shell"))
    vm = reported(vm, NOW + 10)
    vm = after(vm, NOW + 10.3, **holding("status-only", 4))
    assert gaps(vm) == [(1, 10)]


def test_a_late_word_of_a_holder_does_not_open_a_second_gap() -> None:
    vm = reported(after(plain_vm(), NOW, **holding("status-only")), NOW + 1)
    vm = after(vm, NOW + 2, **holding("nobody", 4))
    vm = reported(after(vm, NOW + 8, **holding("nobody", 4)), NOW + 8.5)
    vm = after(vm, NOW + 9, handover={"startedAt": NOW + 1.5}, **holding("status-only", 5))
    assert gaps(vm) == [(1, 8.5)]


@pytest.mark.parametrize("since", [NOW - 3600, NOW + 3600])
def test_a_date_of_another_clock_is_taken_as_of_now(since: float) -> None:
    vm = reported(after(plain_vm(), NOW, **holding("status-only")), NOW + 1)
    assert gaps(after(vm, NOW + 2, **holding("guest-shell", 4, since=since))) == [(1, None)]


TIMES = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=30).map(sorted)


@given(TIMES, st.floats(min_value=0, max_value=1e6))
def test_nothing_was_accepted_inside_a_gap(reports: list[float], at: float) -> None:
    for gap in opened((), at, "x", reports):
        assert gap.since <= at
        assert gap.until is None or gap.until > at
        assert not [time for time in reports if gap.since < time < (gap.until or 1e9)]


def test_a_status_of_the_same_moment_or_before_does_not_close_a_gap() -> None:
    gap = (Gap(since=1, opened=2, cause="x"),)
    assert accepted(gap, 2) == gap
    assert accepted((), 2) == ()
    assert accepted(gap, 2.1)[0].until == 2.1


def test_the_story_and_the_gaps_do_not_grow_without_end() -> None:
    vm = plain_vm()
    for number in range(300):
        vm = reported(
            after(vm, NOW + number, **holding(("boot", "guest-shell")[number % 2], number)),
            NOW + number + 0.5,
        )
    assert vm.appliance is not None
    assert len(vm.appliance.happened) == 80
    assert len(vm.appliance.gaps) == 20
    assert vm.name == NAME
