"""A journal that is damaged: what is whole is believed, in its order, and what is missing is known to be missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.appliance.simulation.crashes import points
from tests.appliance.simulation.damage import DAMAGES, struck
from tests.appliance.simulation.stories import STORIES

from limpet.appliance.chronicle import compacted, fold
from limpet.appliance.commands.history import show
from limpet.appliance.journal import DAMAGE, Journal, Record, parse_journal, read_journal, render_record
from limpet.appliance.main import DAMAGED, JOURNAL, tell_of
from limpet.host.fake import FakeLog, FakeMachine
from limpet.host.fake_appliance import FakeJournalFile

NOTED = st.lists(
    st.one_of(
        st.tuples(st.just("grant"), st.sampled_from(["boot", "nobody", "status-only", "guest-shell"])),
        st.tuples(st.just("state"), st.sampled_from(["booting", "steady", "rolling-back"])),
        st.tuples(st.just("of another version"), st.text(max_size=40)),
    ),
    min_size=1,
    max_size=20,
)


def written(noted: list[tuple[str, str]], earlier: int = 0) -> bytes:
    """A journal as the supervisor makes it: epochs only grow. earlier: records that it had before it was begun again."""
    file, epoch = FakeJournalFile(), 0
    if earlier:
        epoch, facts = earlier, {"holder": "boot", "epoch": earlier}
        file.content = render_record(Record(number=earlier + 1, at=0.0, boot="b", kind="grant", facts=facts))
    journal = Journal(file)
    for kind, word in noted:
        epoch += kind == "grant"
        said: dict[str, object] = {"holder": word, "epoch": epoch} if kind == "grant" else {kind: word}
        journal.note(kind, said, at=1.0, boot="b")
    return file.content


def whole(records: tuple[Record, ...]) -> list[Record]:
    return [each for each in records if each.kind != DAMAGE]


def missing(records: tuple[Record, ...]) -> int:
    return sum(each.facts["lost"] for each in records if each.kind == DAMAGE)


@given(NOTED, st.data())
def test_one_wrong_byte_anywhere_costs_one_record_and_no_epoch_is_given_twice(
    noted: list[tuple[str, str]], data: st.DataObject
) -> None:
    content = written(noted)
    before, _ = parse_journal(content)
    at = data.draw(st.integers(0, len(content) - 1))
    wrong = content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :]
    found, damage = read_journal(wrong)
    hit = content[:at].count(b"\n")
    assert whole(found) == [each for number, each in enumerate(before) if number != hit]
    if damage:
        assert damage[0].start <= at < damage[0].start + damage[0].size
        assert missing(found) >= 1
        assert fold(found).epoch >= fold(before).epoch
    else:  # it looks like one that was being written
        assert hit == len(before) - 1
        assert b"\n" not in wrong[-1:]


@given(
    NOTED,
    st.sampled_from(sorted(set(DAMAGES) - {"the end is missing"})),
    st.integers(0, 10**6),
    st.integers(0, 50),
)
def test_of_any_damage_only_what_was_written_is_believed_and_epochs_only_grow(
    noted: list[tuple[str, str]], how: str, at: int, earlier: int
) -> None:
    content = written(noted, earlier)
    before, _ = parse_journal(content)
    wrong = DAMAGES[how](content, at)
    found, damage = read_journal(wrong)
    kept = whole(found)
    assert set(map(repr, kept)) <= set(map(repr, before))
    assert [each.number for each in kept] == sorted({each.number for each in kept})
    untouched = [line for line in content.splitlines(keepends=True) if b"\n" + line in b"\n" + wrong]
    assert len(kept) >= len(untouched) - content.count(untouched[0]) + 1 if untouched else True
    if damage and damage[-1].inside:
        assert fold(found).epoch >= fold(before).epoch


@given(NOTED, st.lists(st.text(max_size=9), max_size=3), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_journal_that_was_damaged_goes_on_and_says_the_same_when_it_is_read_again(
    noted: list[tuple[str, str]], more: list[str], at: int, again: int
) -> None:
    first = FakeJournalFile(DAMAGES["a block is zero"](written(noted), at))
    damaged = FakeJournalFile()
    journal = Journal(first, None, damaged)
    assert journal.damage
    assert damaged.content == DAMAGES["a block is zero"](written(noted), at)
    known = fold(journal.records)
    assert fold(Journal(FakeJournalFile(first.content)).records) == known
    assert fold(compacted(journal.records)) == known
    epoch = known.epoch + 1  # the supervisor grants anew before anything else
    journal.note("grant", {"holder": "nobody", "epoch": epoch}, at=2.0, boot="b")
    for word in more:
        journal.note("of another version", {"word": word}, at=2.0, boot="b")
    second = Journal(FakeJournalFile(DAMAGES["a byte"](first.content, again)))
    assert fold(compacted(second.records)) == fold(second.records)
    if second.damage:
        assert fold(second.records).epoch >= epoch


def test_what_was_kept_in_memory_is_believed_over_a_damaged_file() -> None:
    file, aside = FakeJournalFile(), FakeJournalFile()
    journal = Journal(file, aside)
    journal.note("state", {"state": "booting"}, at=0.0, boot="b")
    journal.note("grant", {"holder": "boot", "epoch": 1}, at=0.0, boot="b")
    file.full = True
    journal.note("state", {"state": "steady"}, at=0.0, boot="b")
    file.full, file.content = False, DAMAGES["a byte"](file.content, 30)
    found = Journal(file, aside)
    assert [each.kind for each in found.records] == ["state", "grant", "state"]
    assert [each.kind for each in Journal(file, aside).records] == ["state", "grant", "state"]


def test_a_damaged_journal_that_cannot_be_kept_or_written_is_believed_all_the_same() -> None:
    content = written([("state", "steady"), ("grant", "boot"), ("grant", "nobody")])
    file, damaged = FakeJournalFile(DAMAGES["a byte"](content, 20)), FakeJournalFile(full=True)
    file.full = True
    journal = Journal(file, None, damaged)
    assert not journal.kept
    assert journal.problem is not None
    assert fold(journal.records).epoch == 2


def test_the_history_of_a_damaged_journal_says_which_bytes_are_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = written([("state", "steady"), ("grant", "boot"), ("grant", "nobody")])
    second = content.index(b"\n") + 1
    files = FakeMachine().files
    files.make_folder(JOURNAL.parent)
    files.replace(JOURNAL, DAMAGES["a byte"](content, second + 20))
    assert show(files, JOURNAL, as_json=False) == 0
    said = capsys.readouterr()
    assert [line.split()[3] for line in said.out.splitlines()] == ["state", "damage", "grant"]
    assert f"from byte {second} on are damaged: 1 record missing" in said.err


def test_the_log_says_from_which_byte_on_what_is_missing_and_where_the_file_is_kept() -> None:
    content = written([("state", "steady"), ("grant", "boot"), ("grant", "nobody")])
    second = content.index(b"\n") + 1
    log = FakeLog()
    tell_of(Journal(FakeJournalFile(DAMAGES["a byte"](content, second + 20)), None, FakeJournalFile()), log)
    (told,) = log.of("journal.damaged")
    assert (told["byte"], told["lost"], told["kept"]) == (second, "1 record", DAMAGED)
    tell_of(Journal(FakeJournalFile(content[:-5])), log)
    assert [each["bytes"] for each in log.of("journal.cut")] == [
        len(content) - content.rindex(b"\n", 0, -1) - 6
    ]


CHOSEN = [
    (name, how, number)
    for at, name in enumerate(STORIES)
    for number, how in enumerate(DAMAGES)
    if (at + number) % 2 == 0
]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kill", [False, True], ids=["power cut", "supervisor killed"])
@pytest.mark.parametrize(("name", "how", "number"), CHOSEN, ids=[f"{name}, {how}" for name, how, _ in CHOSEN])
def test_an_appliance_whose_journal_is_damaged_at_any_change_ends_well(
    name: str, how: str, number: int, kill: bool
) -> None:
    story = STORIES[name]
    count = points(story)
    wrong = [
        each
        for change in range(10 + number, count, 59)
        for at in (change * 7919, change * 104729 + 50)
        for each in struck(story, change, DAMAGES[how], at, kill=kill)
    ]
    assert not wrong, wrong[0]
