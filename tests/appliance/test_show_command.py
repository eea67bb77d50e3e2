"""`limpet show`: whatever is in the supervisor's document, and whoever holds its lock, an operator gets an answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.appliance.test_show_words import STEADY

from limpet.appliance.commands.history import show as show_history
from limpet.appliance.commands.show import what_is_known
from limpet.appliance.commands.show_words import as_text
from limpet.appliance.commands.shown import parse_shown
from limpet.appliance.journal import Record, render_record
from limpet.appliance.main import ASIDE, JOURNAL
from limpet.appliance.show import LARGEST, SHOWN
from limpet.guest.fabric_lease import IN_THE_GUEST, SHELL_BRIEF
from limpet.host.fake import FakeMachine
from limpet.model.errors import HostError, MalformedDocument

if TYPE_CHECKING:
    from limpet.host.ports import Files

WHOLE: dict[str, Any] = {
    **STEADY,
    "version": 1,
    "goalState": {"id": "incarnation 3", "at": 99.0},
    "status": {"acceptedAt": 120.0, "code": 201, "problem": None},
    "networkOs": {"driver": "kernel", "health": "healthy", "problem": None},
}
NOTED = render_record(Record(number=1, at=90.0, boot="b", kind="state", facts={"state": "steady"}))


def files(*, shown: bytes | None = None, journal: bytes | None = NOTED) -> Files:
    made = FakeMachine().files
    for path, content in ((SHOWN, shown), (JOURNAL, journal)):
        made.make_folder(path.parent)
        if content is not None:
            made.replace(path, content)
    return made


def changed(**members: Any) -> bytes:
    return json.dumps({**WHOLE, **members}).encode()


def test_the_supervisors_document_is_shown_as_it_is() -> None:
    found = what_is_known(files(shown=changed()), supervised=True)
    assert {name: found[name] for name in WHOLE} == WHOLE


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b" " * (LARGEST + 1),
        changed(version=2),
        changed(stage=["steady"]),
        changed(words=None),
        changed(since="yesterday"),
        changed(nics=[1]),
        changed(nics=[{"name": "eth0"}]),
        changed(networkOs="frr"),
        changed(guestShell={"runtime": "lxc"}),
        changed(fabricLease=3),
        changed(handover={"startedAt": 1.0}),
        changed(lease={"gateway": 1}),
        changed(status={"acceptedAt": "now"}),
    ],
)
def test_a_damaged_document_is_told_and_the_journal_answers(damaged: bytes) -> None:
    found = what_is_known(files(shown=damaged), supervised=True)
    assert (found["stage"], found["supervised"]) == ("steady", True)
    assert "show.json cannot be read" in found["problem"]
    assert "steady" in as_text(found, 100.0, colour=False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(WHOLE)), JSON)
def test_a_document_that_is_taken_can_be_shown(name: str, value: Any) -> None:
    try:
        found = parse_shown(changed(**{name: value}))
    except MalformedDocument:
        return
    assert as_text({**found, "supervised": True}, 100.0, colour=False)


def test_where_no_supervisor_runs_its_document_says_nothing() -> None:
    found = what_is_known(files(shown=changed(stage="rescue")), supervised=False)
    assert (found["stage"], found["supervised"]) == ("steady", False)


@pytest.mark.parametrize(
    ("supervised", "journal", "told"),
    [
        (False, None, "no appliance's journal"),
        (True, None, "only just begun"),
        (False, b"", "no record that can be read"),
        (False, NOTED[:-1], "no record that can be read"),
    ],
)
def test_where_nothing_is_known_it_says_why(supervised: bool, journal: bytes | None, told: str) -> None:
    with pytest.raises(HostError, match=told):
        what_is_known(files(journal=journal), supervised=supervised)


def test_in_the_guest_shell_it_says_where_to_ask() -> None:
    machine = files(journal=None)
    machine.make_folder(IN_THE_GUEST)
    machine.replace(IN_THE_GUEST / SHELL_BRIEF, b"{}")
    with pytest.raises(HostError, match=r"this is the guest shell, .* ask on its Linux"):
        what_is_known(machine, supervised=False)


def test_while_the_disk_takes_nothing_history_and_show_go_by_what_is_kept_in_memory(
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = [
        Record(number=number, at=float(number), boot="b", kind="state", facts={"state": state})
        for number, state in enumerate(("booting", "rescue"), 1)
    ]
    files = FakeMachine().files
    for folder in (JOURNAL.parent, ASIDE.parent):
        files.make_folder(folder)
    files.replace(ASIDE, b"".join(map(render_record, records)))
    for on_the_disk in (records[:1], []):
        if on_the_disk:
            files.replace(JOURNAL, b"".join(map(render_record, on_the_disk)))
        assert what_is_known(files, supervised=False)["stage"] == "rescue"
        assert show_history(files, JOURNAL, as_json=False) == 0
        assert "state=rescue" in capsys.readouterr().out
        files.remove(JOURNAL)
    files.replace(JOURNAL, b"".join(map(render_record, records)))
    files.replace(ASIDE, render_record(records[0]))
    assert what_is_known(files, supervised=False)["stage"] == "rescue"
