from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from limpet.emulator.events import LONGEST_TEXT, MOST_ITEMS, EventLog
from limpet.emulator.exchange import Service
from limpet.emulator.world.ledger import ENTRIES_PER_VM, Entry, Ledger
from limpet.emulator.world.ring import Ring


def entry(
    vm: str | None = "vm1", endpoint: str = "goal-state", target: str = "/", **members: object
) -> Entry:
    given = {"headers": (), "body": b"", **members}
    return Entry(
        id=0,
        at=0.0,
        vm=vm,
        service=Service.WIRE_SERVER,
        endpoint=endpoint,
        method="GET",
        target=target,
        body_size=0,
        status=200,
        **given,  # type: ignore[arg-type]
    )


def test_requests_are_kept_by_vm_and_found_by_id_and_endpoint() -> None:
    ledger = Ledger()
    for one in (entry(), entry(endpoint="status"), entry(vm="vm2"), entry(vm=None), entry(endpoint="status")):
        ledger = ledger.record(one)
    assert [found.id for found in ledger.entries("vm1")] == [1, 2, 5]
    assert [found.id for found in ledger.entries("vm1", after=2)] == [5]
    assert [found.id for found in ledger.entries("vm1", endpoint="status")] == [2, 5]
    assert [found.id for found in ledger.entries(None)] == [4]
    assert list(ledger.entries("nobody")) == []


def test_the_oldest_requests_of_a_vm_make_room_and_no_other_vms() -> None:
    ledger = Ledger().record(entry(vm="quiet"))
    for _ in range(ENTRIES_PER_VM + 5):
        ledger = ledger.record(entry(vm="busy"))
    assert len(list(ledger.entries("quiet"))) == 1
    assert len(list(ledger.entries("busy"))) == ENTRIES_PER_VM
    assert ledger.dropped("busy") == 5


def test_what_is_told_of_one_happening_is_bounded() -> None:
    parts = [{"name": "x" * 5000}] * 1000
    log = EventLog().add(1.0, "status", "vm1", {"handlers": parts, **{f"p{n}": n for n in range(1000)}})
    (event,) = log.after(0)
    assert len(event.data) == MOST_ITEMS
    assert len(event.data["handlers"]) == MOST_ITEMS
    assert event.data["handlers"][0]["name"] == "x" * (LONGEST_TEXT - 1) + "…"
    small = {"a": ["b", ("c",)], "d": None}
    assert EventLog().add(1.0, "k", None, small).after(0)[0].data == {"a": ["b", ["c"]], "d": None}


def test_what_is_shown_of_a_request_has_no_sas_token() -> None:
    url = "http://store.example/b?sv=2018&sp=rw&sig=SECRET"
    shown = entry(
        target="/b?sv=2018&sig=SECRET",
        headers=(("x-ms-artifact-location", url),),
        body=json.dumps({"requestUri": url}).encode(),
    ).as_json()
    assert "SECRET" not in json.dumps(shown)


def test_what_is_shown_of_a_request_tells_from_which_address_it_came() -> None:
    assert entry(source="10.0.0.4").as_json()["source"] == "10.0.0.4"


@given(st.integers(1, 8), st.lists(st.lists(st.integers(), max_size=5), max_size=10))
def test_a_ring_keeps_the_last_items_and_counts_all(capacity: int, batches: list[list[int]]) -> None:
    ring: Ring[int] = Ring(capacity=capacity)
    everything: list[int] = []
    for batch in batches:
        ring = ring.append(*batch)
        everything += batch
    assert list(ring) == everything[-capacity:] if everything else len(ring) == 0
    assert ring.seen == len(everything)
    assert ring.latest == (everything[-1] if everything else None)


@given(st.integers(0, 20), st.integers(0, 25))
def test_events_after_an_id_are_those_with_a_larger_one_that_are_still_known(count: int, last: int) -> None:
    log = EventLog(ring=Ring(capacity=10))
    for _ in range(count):
        log = log.add(0.0, "kind", None, {})
    known = range(max(1, count - 9), count + 1)
    assert [event.id for event in log.after(last)] == [number for number in known if number > last]
