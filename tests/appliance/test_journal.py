"""The journal: whatever is cut or damaged, what was noted before is there, and nothing else is believed."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.appliance.chronicle import compacted, fold
from limpet.appliance.journal import COMPACT_FROM, LARGEST, Journal, Record, parse_journal, render_record
from limpet.host.fake import Battery, PowerCut
from limpet.host.fake_appliance import FakeJournalFile
from limpet.model.errors import HostError

FACTS = st.dictionaries(
    st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=30), max_size=4
)
RECORDS = st.lists(st.tuples(st.sampled_from(["state", "grant", "move", "lease"]), FACTS), max_size=12)


def written(records: list[tuple[str, dict[str, object]]]) -> FakeJournalFile:
    file = FakeJournalFile()
    journal = Journal(file)
    for at, (kind, facts) in enumerate(records):
        journal.note(kind, facts, at=float(at), boot="b")
    return file


@given(RECORDS, st.data())
def test_a_journal_cut_at_any_byte_has_every_record_that_is_whole(
    records: list[tuple[str, dict[str, object]]], data: st.DataObject
) -> None:
    content = written(records).content
    cut = data.draw(st.integers(0, len(content)))
    whole = content[:cut].count(b"\n")
    file = FakeJournalFile(content[:cut])
    journal = Journal(file)
    assert [(each.kind, dict(each.facts)) for each in journal.records] == records[:whole]
    journal.note("state", {"state": "steady"}, at=0.0, boot="b")
    assert [each.number for each in Journal(FakeJournalFile(file.content)).records] == list(
        range(1, whole + 2)
    )


@given(RECORDS.filter(bool), st.data())
def test_a_damaged_byte_ends_the_reading_at_its_line(
    records: list[tuple[str, dict[str, object]]], data: st.DataObject
) -> None:
    content = bytearray(written(records).content)
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    found, end = parse_journal(bytes(content))
    assert len(found) == bytes(content[:at]).count(b"\n")
    assert end <= at


@given(st.binary(max_size=400))
def test_a_file_of_anything_is_an_empty_journal(content: bytes) -> None:
    found, end = parse_journal(content)
    assert (found, end) == ((), 0)


def test_a_record_out_of_its_turn_is_not_believed() -> None:
    lines = [render_record(Record(number=number, at=0.0, boot="b", kind="state")) for number in (1, 3, 4)]
    assert len(parse_journal(b"".join(lines))[0]) == 1


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["steady", "boot", "nan", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "mac"]), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
KINDS = ["state", "identity", "nics", "lease", "move", "grant", "handover", "guest", "of another version"]
MEMBERS = ["state", "vm_id", "nics", "mac", "lease", "to", "holder", "epoch", "attempts", "before", "gap", "failures"]  # fmt: skip


@given(
    st.sampled_from(KINDS), st.dictionaries(st.sampled_from(MEMBERS), ODD), st.tuples(ODD, ODD), st.booleans()
)
def test_a_record_that_is_whole_and_says_nonsense_does_no_harm(
    kind: str, facts: dict[str, object], counts: tuple[object, object], counted: bool
) -> None:
    number, at = (1, 0.0) if counted else counts
    body = json.dumps({"number": number, "at": at, "boot": "b", "kind": kind, "facts": facts}).encode()
    records, _ = parse_journal(b"%08x %s\n" % (zlib.crc32(body), body))
    found = fold(records)
    for each in (found.handover.before, found.handover.started, found.handover.gap):
        assert each is None or isinstance(each, float)
    fold(compacted(records))
    assert all(datetime.fromtimestamp(each.at, UTC) for each in records)


def test_a_record_that_could_not_be_read_again_is_not_written() -> None:
    file = FakeJournalFile()
    with pytest.raises(HostError, match="takes no record"):
        Journal(file).note("state", {"problem": "x" * 100_000}, at=0.0, boot="b")
    assert file.content == b""


def test_while_the_disk_is_full_records_are_kept_and_written_when_there_is_room() -> None:
    file = FakeJournalFile()
    journal = Journal(file)
    journal.note("state", {"state": "booting"}, at=0.0, boot="b")
    file.full = True
    for number in (2, 3):
        assert journal.note("state", {"state": "steady"}, at=0.0, boot="b").number == number
    assert (journal.behind, len(Journal(file).records)) == (2, 1)
    assert journal.problem is not None
    assert "No space left" in journal.problem
    file.full = False
    journal.settle()
    assert journal.behind == 0
    assert not journal.problem
    assert [each.number for each in Journal(file).records] == [1, 2, 3]


def test_a_journal_that_cannot_be_read_is_begun_anew_and_says_so() -> None:
    file = FakeJournalFile(content=bytes(LARGEST + 1))
    journal = Journal(file)
    assert journal.unreadable is not None
    journal.note("state", {"state": "steady"}, at=0.0, boot="b")
    assert [each.kind for each in Journal(file).records] == ["state"]


WRITTEN = st.lists(
    st.one_of(
        st.tuples(st.just("handover"), st.fixed_dictionaries({}, optional={"attempts": st.integers(0, 9), "before": st.none() | st.floats(0, 9), "confirmed": st.booleans()})),
        st.tuples(st.just("guest"), st.fixed_dictionaries({}, optional={"instance": st.sampled_from("ab"), "failures": st.lists(st.floats(0, 9), max_size=2), "discard": st.booleans()})),
        st.tuples(st.just("move"), st.fixed_dictionaries({"mac": st.sampled_from("mn"), "to": st.sampled_from(["linux", "network OS"])})),
        st.tuples(st.just("grant"), st.fixed_dictionaries({"holder": st.sampled_from(["boot", "nobody"]), "epoch": st.integers(0, 9)})),
    ),
    max_size=12,
)  # fmt: skip


@given(WRITTEN)
def test_a_compacted_journal_says_the_same_in_few_records(
    written: list[tuple[str, dict[str, object]]],
) -> None:
    journal = Journal(FakeJournalFile())
    for kind, facts in written:
        journal.note(kind, facts, at=0.0, boot="b")
    fewer = compacted(journal.records)
    assert len(fewer) <= 5
    whole, short = fold(journal.records), fold(fewer)
    assert replace(short, moved=()) == replace(whole, moved=())
    assert set(short.moved) == set(whole.moved)


def test_a_journal_that_has_grown_begins_again_with_what_matters_and_counts_on() -> None:
    file = FakeJournalFile()
    journal = Journal(file)
    while len(file.content) < COMPACT_FROM:
        journal.note("state", {"problem": "y" * 1000}, at=0.0, boot="b")
    last = journal.records[-1].number
    journal.compact(journal.records[-1:])
    assert len(file.content) < 2000
    assert Journal(file).note("grant", {}, at=0.0, boot="b").number == last + 2


def test_while_the_disk_stays_full_the_journal_does_not_grow_in_memory() -> None:
    file, aside = FakeJournalFile(), FakeJournalFile()
    journal = Journal(file, aside)
    file.full = True
    most = 0
    for _ in range(600):
        journal.note("state", {"problem": "y" * 1000}, at=0.0, boot="b")
        journal.compact(journal.records[-1:])
        most = max(most, len(journal.records))
    assert most < 300
    last = journal.records[-1].number
    assert Journal(FakeJournalFile(), FakeJournalFile(aside.content)).records[-1].number == last
    file.full = False
    journal.settle()
    assert [each.number for each in Journal(file).records][-1] == last


@pytest.mark.parametrize("torn", [0, 1, 10, 40])
def test_a_power_cut_while_a_record_is_written_loses_only_that_record(torn: int) -> None:
    battery = Battery()
    file = FakeJournalFile(before=battery.spend)
    Journal(file).note("state", {"state": "steady"}, at=0.0, boot="b")
    battery.left, file.torn = 0, torn
    with pytest.raises(PowerCut):
        Journal(file).note("move", {"mac": "a", "to": "linux"}, at=0.0, boot="b")
    battery.left = None
    assert [each.kind for each in Journal(file).records] == ["state"]
