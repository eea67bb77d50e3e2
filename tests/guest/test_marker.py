"""What is left of provisioning, and what it means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.guest.identity import swapped
from limpet.guest.marker import (
    AZURE_INIT,
    MARKER,
    NO_ID,
    Marker,
    MarkerFacts,
    Standing,
    another_vm,
    judge_marker,
    parse_marker,
    plan_marker,
    render_marker,
)
from limpet.host.facts import marker as facts
from limpet.host.fake import FakeMachine
from limpet.model.errors import MalformedDocument

VM = "78563412-bc9a-f0de-1234-56789abcdef0"
OTHER = "00000000-1111-2222-3333-444444444444"
OURS = Marker(vm_id=VM, at=1767225600.0, agent="limpet/1.0", reported="Ready")
LIBRARY = Path("/var/lib/waagent")


def ours(vm_id: str) -> bytes:
    return render_marker(Marker(vm_id=vm_id, at=1.0, agent="limpet/1.0"))


@pytest.mark.parametrize(
    ("marker", "sentinel", "standing"),
    [
        (None, None, Standing.NEW),
        (ours(VM), None, Standing.PROVISIONED),
        (ours(VM.upper()), None, Standing.PROVISIONED),
        (ours(swapped(VM)), None, Standing.PROVISIONED),
        (ours(OTHER), None, Standing.CLONE),
        (None, VM.encode(), Standing.ADOPTED),
        (None, swapped(VM).upper().encode(), Standing.ADOPTED),
        (None, VM.encode() + b"\n", Standing.ADOPTED),
        (None, b"", Standing.ADOPTED),
        (None, OTHER.encode(), Standing.CLONE),
        (None, b"\xff\xfe", Standing.CLONE),
        (ours(VM), OTHER.encode(), Standing.PROVISIONED),
        (ours(OTHER), VM.encode(), Standing.ADOPTED),
        (ours(OTHER), OTHER.encode(), Standing.CLONE),
        (ours(OTHER), b"", Standing.CLONE),
        (ours(NO_ID), NO_ID.encode(), Standing.PROVISIONED),
        (ours(NO_ID), b"", Standing.PROVISIONED),
        (ours(NO_ID), VM.encode(), Standing.ADOPTED),
        (ours(NO_ID), OTHER.encode(), Standing.CLONE),
        (ours(OTHER), NO_ID.encode(), Standing.CLONE),
        (ours(VM), NO_ID.encode(), Standing.PROVISIONED),
        (None, NO_ID.encode(), Standing.ADOPTED),
        (b"{", NO_ID.encode(), Standing.ADOPTED),
        (b"{", None, Standing.NEW),
        (b"{", VM.encode(), Standing.ADOPTED),
    ],
)
def test_what_the_files_mean_for_this_vm(
    marker: bytes | None, sentinel: bytes | None, standing: Standing
) -> None:
    assert judge_marker(MarkerFacts(marker=marker, sentinel=sentinel), VM).standing is standing


@pytest.mark.parametrize(
    ("cloud_init", "standing"),
    [
        (VM.encode() + b"\n", Standing.ADOPTED),
        (swapped(VM).upper().encode(), Standing.ADOPTED),
        (OTHER.encode(), Standing.NEW),
        (b"iid-datasource-none\n", Standing.NEW),
        (b"", Standing.NEW),
        (b"\xff", Standing.NEW),
        (None, Standing.NEW),
    ],
)
def test_what_cloud_init_has_provisioned_counts_where_nobody_else_says_anything(
    cloud_init: bytes | None, standing: Standing
) -> None:
    assert judge_marker(MarkerFacts(cloud_init=cloud_init), VM).standing is standing
    assert (
        judge_marker(MarkerFacts(cloud_init=cloud_init, sentinel=OTHER.encode()), VM).standing
        is Standing.CLONE
    )
    assert judge_marker(MarkerFacts(cloud_init=cloud_init), None).standing is Standing.NEW


@pytest.mark.parametrize(
    ("names", "standing"),
    [
        ((f"{VM}.provisioned",), Standing.ADOPTED),
        ((f"{OTHER}.provisioned", f"{swapped(VM).upper()}.provisioned"), Standing.ADOPTED),
        ((f"{OTHER}.provisioned", ".provisioned", "x"), Standing.NEW),
    ],
)
def test_what_azure_init_has_provisioned_counts_too(names: tuple[str, ...], standing: Standing) -> None:
    machine = FakeMachine()
    machine.files.make_folder(AZURE_INIT)
    for name in names:
        machine.files.replace(AZURE_INIT / name, b"")
    assert judge_marker(facts.look(machine.files, LIBRARY), VM).standing is standing


def test_a_vm_without_an_id_believes_what_it_finds_and_says_so() -> None:
    found = judge_marker(MarkerFacts(marker=ours(VM)), None)
    assert found.standing is Standing.PROVISIONED
    assert "no id" in (found.note or "")
    assert judge_marker(MarkerFacts(sentinel=b""), None).standing is Standing.ADOPTED
    assert judge_marker(MarkerFacts(), None).standing is Standing.NEW


@pytest.mark.parametrize("end", range(len(render_marker(OURS)) - 1))
def test_a_marker_cut_at_any_byte_counts_as_absent_and_that_is_told(end: int) -> None:
    found = judge_marker(MarkerFacts(marker=render_marker(OURS)[:end]), VM)
    if found.standing is Standing.NEW:
        assert "damaged" in (found.note or "")
    else:  # only white space is missing
        assert parse_marker(render_marker(OURS)[:end]) == OURS


@given(st.binary(max_size=300))
def test_no_marker_is_a_crash(content: bytes) -> None:
    judge_marker(MarkerFacts(marker=content, sentinel=content), VM)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vmId", None), ("vmId", 7), ("vmId", ""), ("vmId", "x" * 300), ("vmId", "a\nb"), ("agent", []), ("at", "now"),
        ("at", True), ("at", -1), ("at", 1e300), ("version", 2), ("version", "1"), ("reported", {}),
    ],
)  # fmt: skip
def test_a_member_of_another_kind_is_refused(name: str, value: object) -> None:
    members = json.loads(render_marker(OURS)) | {name: value}
    with pytest.raises(MalformedDocument, match=name):
        parse_marker(json.dumps(members).encode())


def test_a_marker_is_read_back() -> None:
    assert parse_marker(render_marker(OURS)) == OURS


def test_both_agents_find_their_record_and_it_is_written_once() -> None:
    machine = FakeMachine()
    outcomes = machine.interpreter.apply([plan_marker(facts.look(machine.files, LIBRARY), OURS, LIBRARY)])
    assert [outcome.state for outcome in outcomes] == ["done"]
    assert machine.files.read(LIBRARY / "provisioned", at_most=100).decode() == VM
    assert parse_marker(machine.files.read(MARKER, at_most=10000)) == OURS
    assert not plan_marker(facts.look(machine.files, LIBRARY), OURS, LIBRARY).steps


def test_our_marker_is_the_last_thing_written() -> None:
    steps = plan_marker(MarkerFacts(), OURS, LIBRARY).steps
    assert steps[-1].describe().startswith(f"write {MARKER}")


def test_a_sentinel_that_cannot_be_read_is_an_empty_one() -> None:
    machine = FakeMachine()
    machine.files.make_folder(LIBRARY / "provisioned")
    assert facts.look(machine.files, LIBRARY) == MarkerFacts(sentinel=b"")


@pytest.mark.parametrize(
    ("recorded", "vm_id", "another"),
    [
        (VM, VM.upper(), False),
        (VM, OTHER, True),
        (NO_ID, VM, False),
        (VM, NO_ID, False),
    ],
)
def test_what_was_recorded_while_the_firmware_gave_no_id_is_not_another_vms(
    recorded: str, vm_id: str, another: bool
) -> None:
    assert another_vm(recorded, vm_id) is another
